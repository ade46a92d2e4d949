//! Repeatable chance: the same seed and label give the same numbers, on every machine.
//!
//! Each entity draws from a generator of its own, named after it, so that a script which is
//! added later changes nothing about the devices, and an id in the documentation stays true.

/// A splitmix64 generator (Steele, Lea, Flood 2014): one word of state, no dependency. It is
/// meant for sample data, never for secrets.
pub(in crate::demo) struct Seeded(u64);

impl Seeded {
    /// The generator for one named thing, such as `device/17`.
    pub(in crate::demo) fn new(seed: u64, label: &str) -> Self {
        // FNV-1a turns the label into a number; the first draw of splitmix64 mixes it well.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut generator = Self(seed ^ hash);
        generator.0 = generator.next();
        generator
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from 0 up to but not including `bound`; 0 where the bound is 0.
    pub(in crate::demo) fn below(&mut self, bound: u32) -> u32 {
        // The high half of the product: every value is as likely as any other, within 2⁻³².
        let high = (u128::from(self.next()) * u128::from(bound)) >> 64;
        u32::try_from(high).unwrap_or(0)
    }

    /// A number between the two, both included.
    pub(in crate::demo) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u32::try_from(high - low + 1).unwrap_or(1);
        low + i64::from(self.below(width))
    }

    /// True in so many of a hundred cases.
    pub(in crate::demo) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// One of a table's entries. A table without entries does not compile.
    #[expect(
        clippy::indexing_slicing,
        reason = "`below(N)` is less than N, and N is at least 1, as the assertion proves"
    )]
    pub(in crate::demo) fn pick<'table, T, const N: usize>(
        &mut self,
        table: &'table [T; N],
    ) -> &'table T {
        const { assert!(N > 0 && N <= u32::MAX as usize) };
        &table[self.below(N as u32) as usize]
    }

    /// One of a list's entries; none where the list is empty.
    pub(in crate::demo) fn pick_from<'list, T>(&mut self, list: &'list [T]) -> Option<&'list T> {
        let length = u32::try_from(list.len()).unwrap_or(u32::MAX);
        list.get(self.below(length) as usize)
    }

    /// Fills in a pattern: `#` becomes a digit, `?` a digit or capital letter without the
    /// letters that serial numbers avoid, `%` a hexadecimal digit; the rest stands for itself.
    pub(in crate::demo) fn pattern(&mut self, pattern: &str) -> String {
        pattern
            .chars()
            .map(|c| match c {
                '#' => char::from(*self.pick(b"0123456789")),
                '?' => char::from(*self.pick(b"0123456789BCDFGHJKLMNPQRSTVWXYZ")),
                '%' => char::from(*self.pick(b"0123456789ABCDEF")),
                other => other,
            })
            .collect()
    }

    /// A GUID of version 4, in lower case: what Graph gives as an id.
    pub(in crate::demo) fn guid(seed: u64, label: &str) -> String {
        let mut generator = Self::new(seed, label);
        let bits = (u128::from(generator.next()) << 64) | u128::from(generator.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .to_string()
    }
}
