//! What is due: decided from what the server says and what the device remembers, and nothing else.

use runstate_odata::edm::Duration;

use crate::server::AssignedScript;

/// Ticks of 100 ns, of which all moments here are made.
const SECOND: i64 = 10_000_000;

/// How often a custom attribute is read anew where its script says nothing else: every eight hours,
/// as Intune's agent does.
///
/// Source: Microsoft Intune, "Use custom attributes for macOS".
const CUSTOM_ATTRIBUTE: i64 = 8 * 3600 * SECOND;

/// How a script ran last on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: i32,
    pub(crate) run_state: String,
    /// In ticks, by this device's clock.
    pub(crate) started: i64,
    /// How often it was tried in its last execution.
    pub(crate) tries: i32,
    /// The last request that was served.
    pub(crate) request_id: Option<String>,
}

/// When a script is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Now, because somebody asked: this request.
    Requested(String),
    /// Now; which try of the execution it is.
    Now {
        /// From 1.
        tries: i32,
    },
    /// At that moment, in ticks.
    At(i64),
    /// Not as things are.
    Never,
}

/// When `script` is to be run. `is_applicable` says whether this device has what it takes.
pub(crate) fn due(
    script: &AssignedScript,
    record: Option<&Record>,
    is_applicable: bool,
    now: i64,
) -> Due {
    if let Some(request) = &script.run_request_id
        && record.and_then(|record| record.request_id.as_ref()) != Some(request)
    {
        return Due::Requested(request.clone());
    }
    let Some(record) = record else {
        return Due::Now { tries: 1 };
    };
    let was_applicable = record.run_state != "notApplicable";
    if record.version != script.version || was_applicable != is_applicable {
        return Due::Now { tries: 1 };
    }
    if !is_applicable {
        return Due::Never;
    }
    let failed = matches!(record.run_state.as_str(), "fail" | "scriptError");
    if failed && record.tries <= script.retry_count.unwrap_or(0) {
        return Due::Now {
            tries: record.tries.saturating_add(1),
        };
    }
    let Some(frequency) = frequency(script) else {
        return Due::Never;
    };
    // A clock that was set back would otherwise keep a script waiting for as long as it was wrong.
    if record.started > now {
        return Due::Now { tries: 1 };
    }
    match record.started.saturating_add(frequency) {
        at if at <= now => Due::Now { tries: 1 },
        at => Due::At(at),
    }
}

/// How often the script is run, in ticks; none: once for each version.
fn frequency(script: &AssignedScript) -> Option<i64> {
    let given = script.execution_frequency.as_deref();
    let given = given.and_then(|text| Duration::parse(text).ok());
    let given = given.map(|duration| duration.ticks());
    match given {
        // Graph's clients write no frequency as a duration of nothing.
        Some(ticks) if ticks > 0 => Some(ticks),
        _ => script.is_custom_attribute().then_some(CUSTOM_ATTRIBUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> AssignedScript {
        AssignedScript {
            id: "s".into(),
            script_type: "deviceShellScript".into(),
            display_name: "S".into(),
            file_name: None,
            version: 2,
            run_as_account: "system".into(),
            enforce_signature_check: None,
            run_as_32_bit: None,
            execution_frequency: None,
            retry_count: None,
            block_execution_notifications: None,
            custom_attribute_type: None,
            device_run_state_id: "s:d".into(),
            run_request_id: None,
        }
    }

    fn record(run_state: &str) -> Record {
        Record {
            version: 2,
            run_state: run_state.into(),
            started: 1_000 * SECOND,
            tries: 1,
            request_id: None,
        }
    }

    const NOW: i64 = 2_000 * SECOND;

    #[test]
    fn a_script_runs_once_for_each_version() {
        assert_eq!(due(&script(), None, true, NOW), Due::Now { tries: 1 });
        assert_eq!(
            due(&script(), Some(&record("success")), true, NOW),
            Due::Never
        );
        assert_eq!(due(&script(), Some(&record("fail")), true, NOW), Due::Never);
        let before = Record {
            version: 1,
            ..record("success")
        };
        assert_eq!(
            due(&script(), Some(&before), true, NOW),
            Due::Now { tries: 1 }
        );
    }

    #[test]
    fn a_frequency_counts_from_the_last_start() {
        let often = |text: &str| AssignedScript {
            execution_frequency: Some(text.into()),
            ..script()
        };
        let ran = record("success");
        assert_eq!(
            due(&often("PT1H"), Some(&ran), true, NOW),
            Due::At(4_600 * SECOND)
        );
        assert_eq!(
            due(&often("PT1000S"), Some(&ran), true, NOW),
            Due::Now { tries: 1 }
        );
        assert_eq!(due(&often("PT0S"), Some(&ran), true, NOW), Due::Never);
        // The clock was set back by a day after the run.
        let early = 500 * SECOND;
        assert_eq!(
            due(&often("PT1H"), Some(&ran), true, early),
            Due::Now { tries: 1 }
        );
    }

    #[test]
    fn a_custom_attribute_is_read_every_eight_hours() {
        let attribute = AssignedScript {
            script_type: "deviceCustomAttributeShellScript".into(),
            ..script()
        };
        let at = Due::At((1_000 + 8 * 3600) * SECOND);
        assert_eq!(due(&attribute, Some(&record("success")), true, NOW), at);
    }

    #[test]
    fn failures_are_tried_again_as_often_as_allowed() {
        let twice = AssignedScript {
            retry_count: Some(2),
            ..script()
        };
        let failed = |tries| Record {
            tries,
            ..record("scriptError")
        };
        assert_eq!(
            due(&twice, Some(&failed(1)), true, NOW),
            Due::Now { tries: 2 }
        );
        assert_eq!(
            due(&twice, Some(&failed(2)), true, NOW),
            Due::Now { tries: 3 }
        );
        assert_eq!(due(&twice, Some(&failed(3)), true, NOW), Due::Never);
        assert_eq!(due(&twice, Some(&record("success")), true, NOW), Due::Never);
    }

    #[test]
    fn a_request_is_served_once_whatever_else_is_due() {
        let asked = AssignedScript {
            run_request_id: Some("r".into()),
            ..script()
        };
        let requested = Due::Requested("r".into());
        assert_eq!(due(&asked, None, true, NOW), requested);
        assert_eq!(due(&asked, Some(&record("success")), true, NOW), requested);
        let served = Record {
            request_id: Some("r".into()),
            ..record("success")
        };
        assert_eq!(due(&asked, Some(&served), true, NOW), Due::Never);
    }

    #[test]
    fn what_does_not_fit_is_told_once_and_seen_again_when_it_fits() {
        assert_eq!(due(&script(), None, false, NOW), Due::Now { tries: 1 });
        let told = record("notApplicable");
        assert_eq!(due(&script(), Some(&told), false, NOW), Due::Never);
        assert_eq!(
            due(&script(), Some(&told), true, NOW),
            Due::Now { tries: 1 }
        );
    }
}
