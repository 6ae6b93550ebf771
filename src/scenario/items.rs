//! The items that a play has had shared, how common each is, and who asks for which.

/// Items by number, in the order in which they were first shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items {
    next: u32,
    /// Searches so far.
    asked: usize,
}

/// Something that one of several members is to do with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) item: String,
    /// Which of the members.
    pub(crate) member: usize,
}

impl Items {
    /// So many items that there have not been, each at its members: the first at all of so many, the second at half of
    /// them, the third at a third, and so on (Zipf's law, by which what people share is distributed), at least at one.
    pub(crate) fn fresh(&mut self, count: u32, members: usize) -> Vec<Turn> {
        let first = self.next;
        self.next += count;
        let at = |number: u32| {
            let rank = (number - first) as usize + 1;
            let copies = if members == 0 { 0 } else { (members / rank).max(1) };
            // Copies of an item are spread over the members, and rare items are not all at the first.
            (0..copies).map(move |copy| Turn { item: name(number), member: (rank * 7 + copy * rank) % members })
        };
        (first..first + count).flat_map(at).collect()
    }

    /// So many searches, for items in turn, by members in turn.
    pub(crate) fn searches(&mut self, count: u32, members: usize) -> Vec<Turn> {
        let first = self.asked;
        self.asked += count as usize;
        let turn = |index: usize| {
            let item = u32::try_from(index % self.next.max(1) as usize).unwrap_or(u32::MAX);
            Turn { item: name(item), member: (index * 5 + 3) % members }
        };
        if members == 0 { Vec::new() } else { (first..self.asked).map(turn).collect() }
    }
}

fn name(number: u32) -> String {
    format!("item i{number}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_is_everywhere_and_the_last_rare() {
        let mut items = Items::default();
        let mut copies: BTreeMap<String, std::collections::BTreeSet<usize>> = BTreeMap::new();
        for turn in items.fresh(20, 12) {
            assert!(turn.member < 12);
            copies.entry(turn.item).or_default().insert(turn.member);
        }
        let count = |number: u32| copies[&name(number)].len();
        assert_eq!((count(0), count(1), count(2), count(19)), (12, 6, 4, 1));
        assert_eq!(items.fresh(1, 3)[0].item, "item i20", "a number is not used again");
        let asked = items.searches(30, 12);
        assert_eq!((asked.len(), &asked[21].item[..]), (30, "item i0"));
        assert!(items.searches(3, 0).is_empty() && items.fresh(3, 0).is_empty());
    }
}
