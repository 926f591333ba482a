//! What is wrong with a configuration, as data that says what to do.

use serde::Serialize;
use std::{borrow::Cow, fmt};

/// Whether a problem stops the configuration from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration is refused; what was in force stays.
    Error,
    /// The configuration works, but the developer should know.
    Warning,
}

/// One finding about a configuration document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Where: a JSON Pointer (RFC 6901) into the document; empty for the whole of it.
    pub path: String,
    /// What, stable and machine-readable, in kebab-case.
    pub code: &'static str,
    /// What, for a person.
    pub message: String,
    /// What to do, where that is known: "use `api.example.com`".
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, ": {suggestion}"),
            None => Ok(()),
        }
    }
}

/// A refused configuration, with every problem that was found. What was in force stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// Errors and warnings in the order of the document. At least one is an error.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        formatter.write_str("the SSL pinning configuration is not valid, so nothing was changed")?;
        errors.into_iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

/// A code with its message and suggestion, before it is known where in a document it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// See [`Problem::code`].
    pub code: &'static str,
    /// See [`Problem::message`].
    pub message: String,
    /// See [`Problem::suggestion`].
    pub suggestion: Option<String>,
}

impl Finding {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: None }
    }
    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
    /// The finding at a place in a document.
    pub fn at(self, severity: Severity, path: impl fmt::Display) -> Problem {
        let Self { code, message, suggestion } = self;
        Problem { severity, path: path.to_string(), code, message, suggestion }
    }
}

/// At most 80 characters of what a user wrote: enough to find it, never a megabyte in a message.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    cut(text, 80)
}

/// At most so many characters of a text that others wrote.
pub(crate) fn cut(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// Everything found so far; bounded, so that a hostile document cannot make a list larger than itself.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

/// More problems of one severity than anybody reads at once.
pub(crate) const MAX_PROBLEMS: usize = 1000;

impl Problems {
    pub(crate) fn error(&mut self, path: impl fmt::Display, finding: Finding) {
        self.errors += 1;
        if self.errors <= MAX_PROBLEMS {
            self.list.push(finding.at(Severity::Error, path));
        }
    }
    pub(crate) fn warning(&mut self, path: impl fmt::Display, finding: Finding) {
        self.warnings += 1;
        if self.warnings <= MAX_PROBLEMS {
            self.list.push(finding.at(Severity::Warning, path));
        }
    }
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }
    /// Whether there are more errors than are listed: nothing that is read from here on makes a difference.
    pub(crate) fn is_full(&self) -> bool {
        self.errors > MAX_PROBLEMS
    }
    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        if self.errors.max(self.warnings) > MAX_PROBLEMS {
            // An error where only warnings were cut off would refuse a good configuration.
            let severity = if self.is_full() { Severity::Error } else { Severity::Warning };
            let message = format!("only the first {MAX_PROBLEMS} problems of a severity are listed");
            self.list.push(Finding::new("too-many-problems", message).at(severity, ""));
        }
        self.list
    }
}
