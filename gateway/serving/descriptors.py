"""How many connections a process can hold: each is a file descriptor, and so is all else."""

import resource

_ENOUGH = 65_536


def most_connections() -> int:
    """Half of the descriptors that the process may have, after it has asked for more of them.

    The other half is for connections to archives, spooled bodies and the rest. Without a bound a
    crowd of idle clients would leave none for anything.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _ENOUGH // 2 if soft == resource.RLIM_INFINITY else min(soft, _ENOUGH) // 2
