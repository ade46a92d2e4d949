//! Choices read from a list of numbers, so that a random case shrinks as its list does.

pub(crate) struct Tape<'t> {
    rest: &'t [u16],
}

impl<'t> Tape<'t> {
    pub(crate) fn new(rest: &'t [u16]) -> Self {
        Self { rest }
    }

    /// A number below `end`; the first one when the tape is used up.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        usize::from(*first) % end
    }

    /// One of them.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}
