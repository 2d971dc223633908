"""What we know about an audience's members at the service, as two bounds that survive every crash.

`state` is the pure state machine, `store` keeps it in the workspace, `view` reads it as streams of members.
"""
