package parser

import "strings"

// block is one query block: a SELECT, or the INSERT, UPDATE or DELETE itself. Names are looked up in it and then in
// the blocks around it.
type block struct {
	parent int
	tables []scopeTable
}

// scopeTable is a name that a block's columns can be qualified with.
type scopeTable struct {
	schema, name string
	alias        string // "" if none
	stored       bool   // a stored table: neither derived nor a CTE
}

// cte is a WITH table, visible to the tokens [from, to).
type cte struct {
	name     string
	from, to int
}

// scopes assigns a block to each token and finds the WITH tables.
func (r *reader) scopes(start int) {
	r.tableAt, r.cteAt = map[int]bool{}, map[int]bool{}
	r.of = make([]int32, len(r.t))
	r.blocks = []block{{parent: -1}}
	type frame struct {
		block int
		sel   bool // a SELECT was seen at this level
	}
	stack := []frame{{}}
	for i := range r.t {
		t := r.t[i]
		top := &stack[len(stack)-1]
		switch {
		case i < start:
		case t.Is("("):
			r.of[i] = int32(top.block)
			stack = append(stack, frame{block: top.block})
			continue
		case t.Is(")") && len(stack) > 1:
			stack = stack[:len(stack)-1]
			r.of[i] = int32(stack[len(stack)-1].block)
			continue
		case r.any(i, "SELECT", "VALUES", "TABLE") && r.blockStart(i):
			parent := top.block
			if top.sel {
				parent = r.blocks[top.block].parent
			}
			r.blocks = append(r.blocks, block{parent: parent})
			top.block, top.sel = len(r.blocks)-1, true
		case t.Is("WITH"):
			r.with(i)
		}
		r.of[i] = int32(stack[len(stack)-1].block)
	}
}

// blockStart reports whether the word at i opens a query block.
func (r *reader) blockStart(i int) bool {
	if r.is(i, "SELECT") {
		return true
	}
	if i > 0 && !r.any(i-1, "(", "UNION", "EXCEPT", "INTERSECT", "ALL", "DISTINCT") {
		return false
	}
	return r.is(i, "TABLE") && r.at(i+1).Ident() && r.st.Kind == Select || r.is(i, "VALUES") && r.any(i+1, "(", "ROW") && r.st.Kind == Select
}

// with records the tables of a WITH clause at i, if it is one.
func (r *reader) with(i int) {
	k := i + 1
	recursive := r.skip(&k, "RECURSIVE")
	end := r.levelEnd(i)
	for r.at(k).Ident() {
		name := r.name(k)
		nameTok := k
		k++
		if r.is(k, "(") {
			k = r.after(k)
		}
		if !r.is(k, "AS", "(") {
			return
		}
		body := k + 1
		k = r.after(body)
		from := k
		switch {
		case recursive && r.st.Mode.Flavour.MariaDB:
			from = i
		case recursive:
			from = body
		}
		r.ctes = append(r.ctes, cte{name, from, end})
		r.cteAt[nameTok] = true
		r.st.CTEs = append(r.st.CTEs, Name{name, r.t[nameTok].Span})
		if r.skip(&k, "CYCLE") {
			for k < end && !r.is(k, "RESTRICT") && r.work <= maxWork {
				k++
				r.work++
			}
			k++
		}
		if !r.skip(&k, ",") {
			return
		}
	}
}

// isCTE reports whether an unqualified table name at token i is a WITH table.
func (r *reader) isCTE(name string, i int) bool {
	for _, c := range r.ctes {
		if r.work++; r.work > maxWork {
			break
		}
		if i >= c.from && i < c.to && strings.EqualFold(c.name, name) {
			return true
		}
	}
	return false
}

// declare makes a name usable as a qualifier in the block of token i.
func (r *reader) declare(i int, t scopeTable) {
	b := &r.blocks[r.of[i]]
	b.tables = append(b.tables, t)
}

// resolve finds what the qualifier [schema.]name at token i means: the table, and whether it was found.
func (r *reader) resolve(schema, name string, i int) (scopeTable, bool) {
	for b := int(r.of[i]); b >= 0; b = r.blocks[b].parent {
		if r.work += 1 + len(r.blocks[b].tables); r.work > maxWork {
			break
		}
		for _, t := range r.blocks[b].tables {
			if schema != "" {
				known := t.alias
				if known == "" {
					known = t.name
				}
				if strings.EqualFold(known, name) && (t.schema == "" || strings.EqualFold(t.schema, schema)) {
					return t, true
				}
				continue
			}
			if t.alias != "" && strings.EqualFold(t.alias, name) || t.alias == "" && strings.EqualFold(t.name, name) {
				return t, true
			}
		}
	}
	return scopeTable{}, false
}
