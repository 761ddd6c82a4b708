# What the project uses of django-money, typed: the package's own source says nothing of its fields.
