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
    let label = match outcomes.total() {
        0 => "No results".to_owned(),
        _ => label(outcomes),
    };
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " " (height) } preserveAspectRatio="none" role="img"
            aria-label=(label) {
            rect.rest width=(WIDTH) height=(height) {}
            @for (name, x, width) in parts {
                rect class=(name) data-state=(name) x=(x) width=(width) height=(height) {}
            }
        }
    }
}

fn label(outcomes: &Outcomes) -> String {
    let label: Vec<String> = outcomes
        .0
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {count}", show::state_name(name)))
        .collect();
    label.join(", ")
}

/// A line through these numbers, without an axis: how a value went.
pub(crate) fn spark(numbers: &[f64]) -> Markup {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = if most > least { most - least } else { 1.0 };
    let steps = numbers.len().saturating_sub(1).max(1) as f64;
    let point = |(at, number): (usize, &f64)| {
        let x = at as f64 / steps * 140.0 + 2.0;
        let y = 22.0 - (number - least) / spread * 20.0;
        format!("{x:.1},{y:.1}")
    };
    let points: Vec<String> = numbers.iter().enumerate().map(point).collect();
    html! {
        svg.spark.chart viewBox="0 0 144 24" preserveAspectRatio="none" role="img"
            aria-label={ "From " (least) " to " (most) } {
            polyline.line points=(points.join(" ")) {}
        }
    }
}

/// A moment of the picture over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    /// Ticks of 100 nanoseconds since 1970.
    pub(crate) ticks: i64,
    /// How much of it is success, from 0 to 1.
    pub(crate) share: f64,
}

/// The size of the picture over time, in its own units.
const SPAN: f64 = 1000.0;
const HEIGHT: f64 = 200.0;

/// Shares over time, and the whole percent at which the picture begins: not at 0, where all that
/// matters would be a line at the top.
pub(crate) fn over_time(moments: &[Moment]) -> Option<(Markup, u32)> {
    let (first, last) = (moments.first()?, moments.last()?);
    let least = moments
        .iter()
        .map(|moment| moment.share)
        .fold(1.0, f64::min);
    let tenths = (0..=9_u32)
        .rev()
        .find(|tenths| f64::from(*tenths) / 10.0 <= least);
    let floor = f64::from(tenths.unwrap_or(0)) / 10.0;
    let span = (last.ticks - first.ticks).max(1) as f64;
    let point = |moment: &Moment| {
        let x = (moment.ticks - first.ticks) as f64 / span * SPAN;
        let y = HEIGHT - (moment.share - floor) / (1.0 - floor) * (HEIGHT - 4.0);
        format!("{x:.1},{y:.1}")
    };
    let line = moments.iter().map(point).collect::<Vec<_>>().join(" ");
    let percent = |moment: &Moment| format!("{:.0} %", moment.share * 100.0);
    let label = format!("From {} to {}", percent(first), percent(last));
    let picture = html! {
        svg.chart viewBox={ "0 0 " (SPAN) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label=(label) {
            @for line in [4.0, 69.0, 135.0, 200.0] {
                line.grid x1="0" x2=(SPAN) y1=(line) y2=(line) {}
            }
            polygon.area points={ "0," (HEIGHT) " " (line) " " (SPAN) "," (HEIGHT) } {}
            polyline.line points=(line) {}
        }
    };
    Some((picture, tenths.unwrap_or(0) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_filled_however_its_parts_are_rounded() {
        let outcomes = Outcomes(vec![("success", 1), ("fail", 1), ("pending", 1)]);
        let shown = bar(&outcomes, 40).into_string();
        assert!(shown.contains("x=\"0\" width=\"333\""), "{shown}");
        assert!(shown.contains("x=\"666\" width=\"334\""), "{shown}");
        assert!(shown.contains("Success 1, Failed 1, Pending 1"), "{shown}");
        assert!(bar(&Outcomes::default(), 40).into_string().contains("rest"));
    }

    #[test]
    fn the_picture_spans_all_moments() {
        let moment = |ticks, share| Moment { ticks, share };
        let (shown, floor) = over_time(&[moment(0, 1.0), moment(10, 0.95)]).unwrap();
        let shown = shown.into_string();
        assert_eq!(floor, 90);
        assert!(shown.contains("points=\"0.0,4.0 1000.0,102.0\""), "{shown}");
        assert!(shown.contains("From 100 % to 95 %"), "{shown}");
        assert!(over_time(&[]).is_none());
        assert_eq!(over_time(&[moment(0, 0.05)]).unwrap().1, 0);
    }
}
