//! How many people and devices a tenant has, and how they are shared out.

/// How large a sample tenant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// How many people.
    pub(crate) users: u32,
    /// How many devices, servers included.
    pub(crate) devices: u32,
}

impl Size {
    /// The size that the departments' own numbers add up to.
    pub(crate) const USUAL: Self = Self {
        users: 240,
        devices: 300,
    };
}

/// Shares `total` out in the ratio of `parts`: each gets what is between its two ends on a ruler of
/// that length, so that the shares add up to the total and are the parts themselves where those do.
pub(super) fn shares(parts: &[u32], total: u32) -> Vec<u32> {
    let sum: u64 = parts.iter().copied().map(u64::from).sum();
    let mut before = 0_u64;
    let end = |before: u64| {
        let end = (before * u64::from(total) + sum / 2) / sum.max(1);
        u32::try_from(end).unwrap_or(total)
    };
    let mut shares = Vec::with_capacity(parts.len());
    for part in parts {
        let begin = end(before);
        before += u64::from(*part);
        shares.push(end(before).saturating_sub(begin));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_the_parts_where_nothing_is_scaled() {
        let parts = [16, 28, 22, 14, 0, 30];
        assert_eq!(shares(&parts, parts.iter().sum()), parts);
        for total in [0, 1, 2, 7, 109, 111, 5_000] {
            assert_eq!(shares(&parts, total).iter().sum::<u32>(), total);
        }
        assert_eq!(shares(&[1, 1], 10), [5, 5]);
    }
}
