//! Recurrences backwards.

use super::*;

impl Reverse<'_> {
    /// The adjoint of a recurrence is a recurrence that runs the other way.
    pub(super) fn recurrence(&mut self, rec: &Recurrence) -> Result<(), Blocked> {
        let span = rec.families[0].1.span;
        let members: Vec<usize> =
            (0..rec.families.len()).filter(|k| self.active.contains(&rec.families[*k].0)).collect();
        // Adjoint variables first: the terms inside read them.
        let mut known = HashMap::new();
        for k in &members {
            let v = rec.families[*k].0;
            let info = self.program.vars[v.index()].clone();
            let ty = Type::tensor(info.ty.elem().clone(), info.ty.rank() + self.seeds.len());
            let name = format!("d{}", self.name_of(v));
            let adjoint = new_var(self.program, &name, &ty, span);
            self.program.vars[adjoint.index()].coords =
                self.seeds.iter().map(|a| a.name).chain(info.coords.iter().copied()).collect();
            known.insert(v, adjoint);
        }
        let mut needed_by: HashMap<usize, Vec<(VarId, Family)>> = HashMap::new();
        for k in &members {
            let (v, family) = &rec.families[*k];
            self.output = Some((*v, known[v]));
            let around = self.among.replace(Vec::new());
            let walked = (0..family.clauses.len()).try_for_each(|clause| self.clause(family, clause, known[v]));
            needed_by.insert(*k, std::mem::replace(&mut self.among, around).unwrap_or_default());
            self.output = None;
            walked?;
        }
        let mut families = Vec::new();
        let mut place: HashMap<usize, Vec<usize>> = HashMap::new();
        for k in &members {
            let (v, _) = &rec.families[*k];
            let (binders, point, extents, axes) = self.point_of(*v, span);
            let mut terms = self.terms.remove(v).unwrap_or_default();
            if let Some(outside) = self.adjoints.remove(v) {
                // Seeded directly: the family itself is the numerator.
                let index: Vec<Expr> = binders.iter().map(|b| coord(b.var, span)).collect();
                let ty = self.program.vars[outside.index()].ty.clone();
                let value = load(outside, &ty, index, span);
                terms.insert(0, (Vec::new(), Term { target: *v, index: None, value, context: Context::default() }));
            }
            let cell = self.total(&terms, &binders, &point, &extents, *v);
            let elem = cell.ty.clone();
            let clause = Clause {
                slots: binders.into_iter().map(Slot::Coord).collect(),
                wheres: Vec::new(),
                body: cell,
                otherwise: None,
                span,
            };
            let name = self.program.vars[known[v].index()].name;
            let first = families.len();
            families.push((known[v], Family { name, axes, elem, clauses: vec![clause], span }));
            families.extend(needed_by.remove(k).unwrap_or_default());
            place.insert(*k, (first..families.len()).collect());
        }
        let order = rec.order.iter().rev().flat_map(|o| self.reversed(o, &place)).collect();
        self.out.push(Stmt::Rec(Rc::new(Recurrence { families, order })));
        self.made.extend(members.iter().map(|k| (rec.families[*k].0, known[&rec.families[*k].0])));
        self.adjoints.extend(known);
        Ok(())
    }

    /// What an adjoint needs in its steps is computed right behind it, before the adjoints of what was read.
    fn reversed(&self, order: &Order, place: &HashMap<usize, Vec<usize>>) -> Vec<Order> {
        let places = |k: &usize| place.get(k).into_iter().flatten().copied();
        match order {
            Order::Cells(k) => places(k).map(Order::Cells).collect(),
            Order::Steps { axes, descending, body } => {
                let behind_seeds = |(k, axis): &(usize, usize)| {
                    let axis = axis + self.seeds.len();
                    places(k).map(move |p| (p, axis)).collect::<Vec<_>>()
                };
                let axes: Vec<(usize, usize)> = axes.iter().flat_map(behind_seeds).collect();
                let body: Vec<Order> = body.iter().rev().flat_map(|o| self.reversed(o, place)).collect();
                if body.is_empty() { body } else { vec![Order::Steps { axes, descending: !descending, body }] }
            }
        }
    }
}
