//! The log, on stderr: stdout is for what a person who starts the server is told.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use crate::{cli::Failure, config::LogFormat};

/// Starts logging. `level` is a level, or directives such as `info,ssvirt_core=debug,sqlx=info`.
pub(crate) fn init(level: &str, format: LogFormat) -> Result<(), Failure> {
    let lines = fmt().with_env_filter(filter(level)?).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| Failure::new(format!("the log cannot be started: {error}")))
}

fn filter(level: &str) -> Result<EnvFilter, Failure> {
    let wrong = || {
        Failure::new(format!(
            "log_level \"{level}\" is not one of off, error, warn, info, debug, trace, nor directives such \
             as info,ssvirt_core=debug"
        ))
    };
    if is_level(level)
        && let Ok(own) = level.parse::<LevelFilter>()
    {
        // A plain level is about this program; the libraries below it say only what went wrong.
        // Targets are matched by how they begin, so this is every crate of ours.
        let rest = own.min(LevelFilter::WARN);
        return Ok(EnvFilter::new(format!("{rest},ssvirt={own}")));
    }
    // The filter itself would take any word for the name of a module, and log all of it.
    let known = |part: &str| part.contains('=') || is_level(part);
    if !level.split(',').all(|part| known(part.trim())) {
        return Err(wrong());
    }
    EnvFilter::try_new(level).map_err(|_| wrong())
}

/// Nothing at all is a level to the parser, but not to people.
fn is_level(word: &str) -> bool {
    !word.is_empty() && word.parse::<LevelFilter>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn levels_and_directives_are_told_from_other_words() {
        for good in ["info", "WARN", "off", "debug,sqlx=info", "ssvirt_core=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["verbose", "", "info,loud", "ssvirt_core=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
        assert!(filter("debug").unwrap().to_string().contains("ssvirt=debug"));
    }
}
