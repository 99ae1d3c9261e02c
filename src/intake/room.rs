//! How many bytes of bodies may be received at the same time, over all requests.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for bodies; what was taken comes back with its [`Taken`].
#[derive(Debug)]
pub struct BodyRoom {
    left: AtomicUsize,
}

/// Bytes taken of a [`BodyRoom`].
pub(super) struct Taken<'a> {
    room: &'a BodyRoom,
    bytes: usize,
}

impl BodyRoom {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> BodyRoom {
        BodyRoom { left: AtomicUsize::new(bytes) }
    }

    pub(super) fn enter(&self) -> Taken<'_> {
        Taken { room: self, bytes: 0 }
    }
}

impl Taken<'_> {
    /// Takes more; false when there is not so much left.
    pub(super) fn more(&mut self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        let taken = self.room.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.left.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let room = BodyRoom::new(10);
        {
            let mut one = room.enter();
            assert!(one.more(7) && !one.more(4) && one.more(3));
            assert!(!room.enter().more(1));
        }
        assert!(room.enter().more(10));
    }
}
