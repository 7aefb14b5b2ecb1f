//! How many files and sockets the process may have open.

/// Lets the process have as many connections as the system allows: the usual limit, 1024, is for programs that use
/// `select`.
#[cfg(unix)]
pub(crate) fn raise() -> rustix::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
}

#[cfg(not(unix))]
pub(crate) fn raise() -> std::io::Result<()> {
    Ok(())
}

/// How many files and sockets this process may have open.
#[cfg(unix)]
pub(crate) fn limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
pub(crate) fn limit() -> usize {
    usize::MAX
}
