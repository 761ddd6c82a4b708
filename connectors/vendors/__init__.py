"""One file a platform; the registry finds it by its being here."""
