"""NACHA files: read what a bank sends back, write what we originate. Pure: no database, no network.

`reading.read` turns bytes into an `AchFile` or refuses them, `writing.write` turns an
`Origination` into bytes, `codes` knows every return and change code.
"""
