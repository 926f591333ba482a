//! What a bridge answers to a configuration, in whatever language its other side is.

use crate::{engine::Initialized, problem::ConfigError};
use serde::Serialize;
use serde_json::{Value, json};

/// `{"ok": true, "generation", "warnings"}`, or `{"ok": false, "problems"}` and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Answer(Value);

impl From<Result<Initialized, ConfigError>> for Answer {
    fn from(result: Result<Initialized, ConfigError>) -> Self {
        Self(match result {
            Ok(Initialized { generation, warnings }) => {
                json!({"ok": true, "generation": generation, "warnings": warnings})
            }
            Err(ConfigError { problems }) => json!({"ok": false, "problems": problems}),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::Engine;

    fn answer(document: &str) -> String {
        serde_json::to_string(&Answer::from(Engine::new().initialize(document, 0))).unwrap()
    }

    #[test]
    fn the_form_of_an_answer_is_fixed() {
        let one_pin = r#"{"a.test": {"publicKeyHashes": ["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="]}}"#;
        let taken = answer(one_pin);
        assert!(
            taken.starts_with(r#"{"generation":1,"ok":true,"warnings":[{"code":"no-backup-pin","message":""#)
        );
        assert!(
            taken.contains(r#""path":"/a.test/publicKeyHashes","severity":"warning","suggestion":""#),
            "{taken}"
        );
        let refused = answer(r#"{"a.test": null}"#);
        assert!(refused.starts_with(r#"{"ok":false,"problems":[{"code":""#), "{refused}");
    }
}
