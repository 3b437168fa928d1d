//! Owns which expected event is which found one: the pairing with the fewest differences. Leaves how they are compared to
//! `fields`.

use super::fields::Fields;

/// What stands for what, by indices.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    /// Expected and found, by expected.
    pub(super) paired: Vec<(usize, usize)>,
    /// Expected that have no found one.
    pub(super) missing: Vec<usize>,
    /// Found that nobody expects.
    pub(super) besides: Vec<usize>,
}

/// What a pair costs that differs in everything; one that is equal costs nothing.
const UNLIKE: usize = 1_000;
/// What an event alone costs. Two that are less alike than a fifth are a missing one and one besides, and no pair.
const ALONE: usize = 400;
/// The cells of the table of pairs at most: a few megabytes.
const CELLS: usize = 1_000_000;

fn cost(expected: &Fields, found: &Fields) -> usize {
    expected.differences(found).len() * UNLIKE / expected.compared(found).max(1)
}

/// The pairing in which both keep their order.
pub(super) fn in_order(expected: &[Fields], found: &[Fields]) -> Pairs {
    let same = |(e, f): &(&Fields, &Fields)| cost(e, f) == 0;
    let head = expected.iter().zip(found).take_while(same).count();
    let (rest_e, rest_f) = (&expected[head..], &found[head..]);
    let tail = rest_e.iter().rev().zip(rest_f.iter().rev()).take_while(same).count();
    let (mid_e, mid_f) = (&rest_e[..rest_e.len() - tail], &rest_f[..rest_f.len() - tail]);

    let mut pairs = Pairs { paired: (0..head).map(|at| (at, at)).collect(), ..Pairs::default() };
    match mid_e.len() * mid_f.len() {
        // So many that nobody would read it all: the first is said to differ from the first.
        cells if cells > CELLS => {
            let both = mid_e.len().min(mid_f.len());
            pairs.paired.extend((0..both).map(|at| (head + at, head + at)));
            pairs.missing.extend(head + both..head + mid_e.len());
            pairs.besides.extend(head + both..head + mid_f.len());
        }
        _ => align(mid_e, mid_f, head, &mut pairs),
    }
    pairs.paired.extend((0..tail).map(|at| (expected.len() - tail + at, found.len() - tail + at)));
    pairs
}

/// The cheapest alignment, by the table of what is cheapest from each place on.
fn align(expected: &[Fields], found: &[Fields], head: usize, pairs: &mut Pairs) {
    let width = found.len() + 1;
    let mut pair = vec![0; expected.len() * found.len()];
    let mut cheapest = vec![0; (expected.len() + 1) * width];
    for e in (0..=expected.len()).rev() {
        for f in (0..=found.len()).rev() {
            cheapest[e * width + f] = match (e < expected.len(), f < found.len()) {
                (false, _) => (found.len() - f) * ALONE,
                (_, false) => (expected.len() - e) * ALONE,
                _ => {
                    let together = cost(&expected[e], &found[f]);
                    pair[e * found.len() + f] = together;
                    let alone = cheapest[(e + 1) * width + f].min(cheapest[e * width + f + 1]) + ALONE;
                    alone.min(cheapest[(e + 1) * width + f + 1] + together)
                }
            };
        }
    }
    let (mut e, mut f) = (0, 0);
    while e < expected.len() || f < found.len() {
        let here = cheapest[e * width + f];
        if e < expected.len() && f < found.len() && here == cheapest[(e + 1) * width + f + 1] + pair[e * found.len() + f] {
            pairs.paired.push((head + e, head + f));
            (e, f) = (e + 1, f + 1);
        } else if e < expected.len() && here == cheapest[(e + 1) * width + f] + ALONE {
            pairs.missing.push(head + e);
            e += 1;
        } else {
            pairs.besides.push(head + f);
            f += 1;
        }
    }
}

/// The pairing whatever the order: as many equal pairs as there can be, then the rest by what is most alike.
pub(super) fn in_any_order(expected: &[Fields], found: &[Fields]) -> Pairs {
    let costs: Vec<Vec<usize>> = expected.iter().map(|e| found.iter().map(|f| cost(e, f)).collect()).collect();
    // What is not said may be anything, so one expected event may fit several found ones, and the first that fits may be
    // needed by another.
    let mut owner: Vec<Option<usize>> = vec![None; found.len()];
    for e in 0..expected.len() {
        fit(e, &costs, &mut owner, &mut vec![false; found.len()]);
    }
    let mut taken: Vec<Option<usize>> = vec![None; expected.len()];
    for (f, e) in owner.iter().enumerate() {
        if let Some(e) = *e {
            taken[e] = Some(f);
        }
    }
    let mut likes: Vec<(usize, usize, usize)> = Vec::new();
    for (e, row) in costs.iter().enumerate().filter(|(e, _)| taken[*e].is_none()) {
        let open = row.iter().enumerate().filter(|(f, cost)| owner[*f].is_none() && **cost < 2 * ALONE);
        likes.extend(open.map(|(f, cost)| (*cost, e, f)));
    }
    likes.sort_unstable();
    for (_, e, f) in likes {
        if taken[e].is_none() && owner[f].is_none() {
            (taken[e], owner[f]) = (Some(f), Some(e));
        }
    }
    Pairs {
        paired: taken.iter().enumerate().filter_map(|(e, f)| f.map(|f| (e, f))).collect(),
        missing: (0..expected.len()).filter(|&e| taken[e].is_none()).collect(),
        besides: (0..found.len()).filter(|&f| owner[f].is_none()).collect(),
    }
}

/// Finds a found event that `e` equals, moving others where they have another choice.
fn fit(e: usize, costs: &[Vec<usize>], owner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for f in 0..owner.len() {
        if costs[e][f] != 0 || std::mem::replace(&mut tried[f], true) {
            continue;
        }
        if owner[f].is_none_or(|other| fit(other, costs, owner, tried)) {
            owner[f] = Some(e);
            return true;
        }
    }
    false
}
