package plan

// Selector chooses targets. A nil Selector chooses all. It may choose too many, never too few. All values are
// compared as a WHERE compares them.
type Selector interface{ selector() }

type (
	// SelectEqual chooses the target of one key, all of its columns given.
	SelectEqual struct{ Key []Expr }
	// SelectIn chooses the targets of several keys, all columns of each given; List is the template list that is
	// trimmed to each target's own keys, -1: none. Folded is one more than the number of the folded list whose first
	// element's key is the only one of Keys; 0: none.
	SelectIn struct {
		Keys   [][]Expr
		List   int
		Folded int
	}
	// SelectCond chooses the targets that conditions on the columns allow, one Cond per key column.
	SelectCond struct{ Conds []Cond }
	// SelectSame chooses the one target that all of Keys map to. Keys of different targets are the client's error,
	// NotSupported(What); without What the statement is planned again for all targets.
	SelectSame struct {
		Keys [][]Expr
		What string
	}
	// SelectNone chooses no target: the condition is never true.
	SelectNone struct{}
	// SelectTargets chooses targets by index: hints.
	SelectTargets struct{ Index []int }
	// SelectHint chooses the one target that the statement's hints, or the session's, name.
	SelectHint struct{ Values []HintValue }
	// SelectAnd chooses the targets that all of its parts choose.
	SelectAnd struct{ Parts []Selector }
	// SelectOr chooses the targets that any of its parts chooses.
	SelectOr struct{ Parts []Selector }
)

// HintValue is the value by which a table that is sharded by hint is reached.
type HintValue struct {
	Table   string
	Value   int64
	Session bool // the session gives the value, when the statement runs
}

// Cond is what is known of one key column. The zero Cond is no condition.
type Cond struct {
	Points            []Expr // the column equals one of them; nil: no such condition
	Folded            int    // one more than the number of the folded list whose first element gives the one of Points; 0: none
	Null              bool   // or it is NULL: IS NULL, <=> NULL
	Low, High         *Expr  // bounds; nil: open
	LowOpen, HighOpen bool   // the bound itself is outside
	Between           bool   // both bounds stand in one BETWEEN: values of unlike kinds make the server compare otherwise
	NullSafe          bool   // Points compare by <=>: a NULL among them is the NULL key
}

// Free reports whether c says nothing.
func (c *Cond) Free() bool { return c.Points == nil && !c.Null && c.Low == nil && c.High == nil }

func (*SelectEqual) selector()   {}
func (*SelectIn) selector()      {}
func (*SelectCond) selector()    {}
func (*SelectSame) selector()    {}
func (*SelectNone) selector()    {}
func (*SelectTargets) selector() {}
func (*SelectHint) selector()    {}
func (*SelectAnd) selector()     {}
func (*SelectOr) selector()      {}
