//! In which order the factors of a sum are multiplied.

/// Factors that are multiplied with each other, and the coordinates that the result still has, as bits.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    Factor(usize),
    /// A factor, summed over the coordinates that no other one has.
    Sum(usize, u64),
    Pair(Box<[Order; 2]>, u64),
}

/// The best order, and what it costs.
pub struct Plan {
    pub order: Order,
    pub cost: f64,
}

impl Order {
    /// The coordinates that the result has.
    pub fn coords(&self, factors: &[u64]) -> u64 {
        match self {
            Order::Factor(at) => factors[*at],
            Order::Sum(_, coords) | Order::Pair(_, coords) => *coords,
        }
    }
}

/// So many factors are tried in every order; of more, the cheapest pair comes first.
const FEW_FACTORS: usize = 9;
/// Moving a number costs as much as so many multiplications.
const MOVE: f64 = 8.0;

/// `factors` are the coordinates of each factor, as bits; `kept` those that are not summed; `extents` of all.
pub fn best(factors: &[u64], kept: u64, extents: &[f64]) -> Plan {
    let search = Search { factors, kept, extents };
    let mut parts: Vec<Part> = (0..factors.len()).map(|at| search.single(at)).collect();
    if factors.len() <= FEW_FACTORS {
        return search.every_order(parts).plan;
    }
    while parts.len() > 1 {
        let pairs = (0..parts.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let joined = pairs.map(|(a, b)| (a, b, search.pair(&parts[a], &parts[b])));
        let gain = |part: &Part, a: usize, b: usize| part.plan.cost - parts[a].plan.cost - parts[b].plan.cost;
        let Some((a, b, part)) = joined.min_by(|x, y| gain(&x.2, x.0, x.1).total_cmp(&gain(&y.2, y.0, y.1))) else {
            break;
        };
        parts.remove(b);
        parts[a] = part;
    }
    parts.remove(0).plan
}

/// Points of some coordinates.
pub fn size(coords: u64, extents: &[f64]) -> f64 {
    extents.iter().enumerate().filter(|(k, _)| coords >> k & 1 == 1).map(|(_, extent)| extent).product()
}

/// A set of factors and the best order for it.
struct Part {
    set: u64,
    coords: u64,
    plan: Plan,
}

struct Search<'a> {
    factors: &'a [u64],
    kept: u64,
    extents: &'a [f64],
}

impl Search<'_> {
    fn size(&self, coords: u64) -> f64 {
        size(coords, self.extents)
    }

    /// The coordinates that are needed once a set of factors is multiplied.
    fn needed(&self, set: u64) -> u64 {
        let others = self.factors.iter().enumerate().filter(|(k, _)| set >> k & 1 == 0);
        others.fold(self.kept, |needed, (_, coords)| needed | coords)
    }

    fn single(&self, at: usize) -> Part {
        let (set, all) = (1 << at, self.factors[at]);
        let coords = if self.factors.len() == 1 { all } else { all & self.needed(set) };
        let (order, cost) = match coords == all {
            true => (Order::Factor(at), 0.0),
            false => (Order::Sum(at, coords), MOVE * (self.size(all) + self.size(coords))),
        };
        Part { set, coords, plan: Plan { order, cost } }
    }

    fn pair(&self, a: &Part, b: &Part) -> Part {
        let set = a.set | b.set;
        let all = a.coords | b.coords;
        let coords = all & self.needed(set);
        let moved = self.size(a.coords) + self.size(b.coords) + self.size(coords);
        let cost = a.plan.cost + b.plan.cost + self.size(all) + MOVE * moved;
        let order = Order::Pair(Box::new([a.plan.order.clone(), b.plan.order.clone()]), coords);
        Part { set, coords, plan: Plan { order, cost } }
    }

    fn every_order(&self, singles: Vec<Part>) -> Part {
        let all = (1usize << singles.len()) - 1;
        let mut found: Vec<Option<Part>> = (0..=all).map(|_| None).collect();
        for single in singles {
            let set = single.set as usize;
            found[set] = Some(single);
        }
        for set in 1..=all {
            // Each pair once: the lowest factor is in the first half.
            let rest = set & (set - 1);
            let mut half = rest;
            while half > 0 {
                let (a, b) = (&found[set & !half], &found[half]);
                if let (Some(a), Some(b)) = (a, b) {
                    let joined = self.pair(a, b);
                    if found[set].as_ref().is_none_or(|best| joined.plan.cost < best.plan.cost) {
                        found[set] = Some(joined);
                    }
                }
                half = (half - 1) & rest;
            }
        }
        found.pop().flatten().expect("there is a factor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: u64 = 1;
    const J: u64 = 2;
    const K: u64 = 4;
    const L: u64 = 8;

    fn pair(a: Order, b: Order, coords: u64) -> Order {
        Order::Pair(Box::new([a, b]), coords)
    }

    #[test]
    fn chains_begin_where_it_is_cheap() {
        // A[i, j] * B[j, k] * C[k, l]
        let chain = [I | J, J | K, K | L];
        let right = best(&chain, I | L, &[1000.0, 10.0, 1000.0, 10.0]).order;
        let behind = pair(Order::Factor(1), Order::Factor(2), J | L);
        assert_eq!(right, pair(Order::Factor(0), behind, I | L));
        let left = best(&chain, I | L, &[10.0, 1000.0, 10.0, 1000.0]).order;
        let before = pair(Order::Factor(0), Order::Factor(1), I | K);
        assert_eq!(left, pair(before, Order::Factor(2), I | L));
    }

    #[test]
    fn what_one_factor_has_alone_is_summed_first() {
        // A[i, j] * B[j, k], summed over j and k
        let order = best(&[I | J, J | K], I, &[50.0, 60.0, 70.0]).order;
        assert_eq!(order, pair(Order::Factor(0), Order::Sum(1, J), I));
    }

    #[test]
    fn many_factors_pair_up() {
        // A chain of 12 vectors and matrices: from either end it is one vector after the other.
        let chain: Vec<u64> = (0..12).map(|k| 3 << k).collect();
        let plan = best(&chain, 1, &[100.0; 13]);
        assert!(plan.cost < 12.0 * (1.0 + 3.0 * MOVE) * 1e4);
    }
}
