"""What we know of an audience's members at the service, in two bounds that survive every crash.

`state` is the pure state machine, `store` keeps it in the workspace, `view` reads it as streams of members.
"""
