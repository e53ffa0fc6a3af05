package plan

// Straight is the Route of a plan that is nothing but one, whatever its kind; nil for others.
func Straight(node Node) *Route {
	switch node.(type) {
	case *Route, *Insert, *Update, *Delete:
		return Leaf(node)
	}
	return nil
}

// Leaf is the first Route of a plan; nil for a plan without one.
func Leaf(node Node) *Route {
	switch n := node.(type) {
	case *Route:
		return n
	case *Insert:
		return n.Route
	case *Update:
		return n.Route
	case *Delete:
		return n.Route
	case *DDL:
		return n.Route
	case *TableAdmin:
		return n.Route
	case *ByKey:
		return n.Write
	case *Keeping:
		return n.Write
	case *Transfer:
		return Leaf(n.Input)
	case *MergeSort:
		return Leaf(n.Input)
	case *Sort:
		return Leaf(n.Input)
	case *Limit:
		return Leaf(n.Input)
	case *Distinct:
		return Leaf(n.Input)
	case *Aggregate:
		return Leaf(n.Input)
	case *Project:
		return Leaf(n.Input)
	case *Residual:
		return Leaf(n.Input)
	case *Gather:
		return n.Place
	case *Concat:
		return Leaf(n.Inputs[0])
	}
	return nil
}
