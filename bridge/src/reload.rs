//! SIGHUP: the configuration is read again, and what can change in a running broker changes.

use crate::config::{Config, Loaded, Settings};
use crate::events;
use crate::server::Server;

/// Reads everything again. If anything in it is wrong, nothing changes, and the console says what is wrong.
pub(crate) fn reload(server: &Server, loaded: &mut Loaded, settings: &Settings) {
    let new = match Loaded::load(settings.clone()) {
        Ok(new) => new,
        Err(error) => return events::not_reloaded(&error.to_string()),
    };
    match apply(server, &new.config) {
        Ok(()) => {
            // The report is for whoever wants to read one before or after.
            let (old_level, new_level) = (loaded.config.log, new.config.log);
            events::set_level(old_level.max(new_level).into());
            events::reloaded(&loaded.changes(&new));
            events::set_level(new_level.into());
            *loaded = new;
        }
        Err(error) => events::not_reloaded(&error),
    }
}

/// Hands the new configuration to everybody who has a part of it. What can fail comes first, so that an error leaves all
/// as it was.
///
/// # Errors
/// A sentence that says what is wrong.
fn apply(server: &Server, config: &Config) -> Result<(), String> {
    let tls = server.prepare_tls(config).map_err(|error| error.to_string())?;
    server.reload_security(&config.security).map_err(|error| error.to_string())?;
    server.reload_tls(tls);
    server.hub().reconfigure(config.broker.clone());
    server.gate().reconfigure(config.gate.clone());
    server.bridges().set(&config.bridges);
    server.origins().replace(config.allow_origins.clone());
    Ok(())
}
