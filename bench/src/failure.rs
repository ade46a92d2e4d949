//! What ends the benchmark.

/// A text for the terminal.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

/// What a step of the benchmark answers.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

// `Failure` is no `Error` itself, which leaves this free for all that are.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// A failure with that text.
pub(crate) fn fail<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Failure(text.into()))
}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    /// Puts `what` in front of the failure's text.
    fn context(self, what: impl std::fmt::Display) -> Outcome<T>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context(self, what: impl std::fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure(format!("{what}: {}", error.into().0)))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl std::fmt::Display) -> Outcome<T> {
        self.ok_or_else(|| Failure(what.to_string()))
    }
}
