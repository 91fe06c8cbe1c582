"""One case: a house, and what is done in the foreground in it."""


class Case:
    """`each` is what the server sends one connection in a second, in nginx' words; `files` how many of 40 KiB are in
    the background in place of one large one."""

    def __init__(self, name, foreground, rig=(), node="cli", rate=50e6, jobs=1, lead=10.0, tail=1.0, each=None, files=0):
        self.name, self.foreground, self.rig, self.node = name, foreground, list(rig), node
        self.rate, self.jobs, self.lead, self.tail, self.each = rate, jobs, lead, tail, each
        self.files = files
