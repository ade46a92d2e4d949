//! The difference between two texts, line by line.

use std::time::Duration;

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

/// How many lines around a change are shown.
const AROUND: usize = 3;

/// After how long a finer difference is not looked for any more.
const PATIENCE: Duration = Duration::from_millis(500);

/// What has become of `before` in `after`.
pub(crate) fn show(before: &str, after: &str) -> Markup {
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(before, after);
    let groups = diff.grouped_ops(AROUND);
    if groups.is_empty() {
        return html! { p.empty { "The content is the same." } };
    }
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    html! {
        p { (added) " lines added, " (removed) " removed." }
        pre.diff tabindex="0" aria-label="Changed lines" {
            @for (at, group) in groups.iter().enumerate() {
                @if at > 0 { span.gap { "…" } }
                @for operation in group {
                    @for change in diff.iter_changes(operation) {
                        @let line = change.value().trim_end_matches(['\n', '\r']);
                        @match change.tag() {
                            ChangeTag::Insert => ins { "+ " (line) },
                            ChangeTag::Delete => del { "- " (line) },
                            ChangeTag::Equal => span { "  " (line) },
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_came_and_went() {
        let shown = show("a\n<b>\nc\n", "a\nd\nc\n").into_string();
        assert!(
            shown.contains("<del>- &lt;b&gt;</del><ins>+ d</ins>"),
            "{shown}"
        );
        assert!(shown.contains("1 lines added, 1 removed"), "{shown}");
        assert!(show("a\n", "a\n").into_string().contains("the same"));
    }
}
