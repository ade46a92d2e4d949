//! Pictures of numbers, as SVG in the page. Sizes are attributes, for styles in the page are refused by
//! our own policy.

use maud::{Markup, html};

use crate::show;

/// How many there are of each outcome, in the order in which a bar shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcomes(pub(crate) Vec<(&'static str, u64)>);

impl Outcomes {
    /// How many there are in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// How many there are of one outcome.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let found = self.0.iter().find(|(outcome, _)| *outcome == name);
        found.map_or(0, |(_, count)| *count)
    }
}

/// How wide a bar is, in its own units.
const WIDTH: u64 = 1000;

/// A bar of parts.
pub(crate) fn bar(outcomes: &Outcomes, height: u32) -> Markup {
    let total = outcomes.total().max(1);
    let mut at = 0_u64;
    let mut parts = Vec::new();
    for (name, count) in &outcomes.0 {
        let end = at + count;
        // From the sums, so that the parts fill the bar however they are rounded.
        let (x, right) = (at * WIDTH / total, end * WIDTH / total);
        parts.push((*name, x, right - x));
        at = end;
    }
    let label: Vec<String> = outcomes
        .0
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {count}", show::state_name(name)))
        .collect();
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " " (height) } preserveAspectRatio="none" role="img"
            aria-label=(label.join(", ")) {
            rect.rest width=(WIDTH) height=(height) {}
            @for (name, x, width) in parts {
                rect class=(name) data-state=(name) x=(x) width=(width) height=(height) {}
            }
        }
    }
}
