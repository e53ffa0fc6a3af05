package plan

// RouteUnit is one execution of a Route's template: where, and with which of its list items.
type RouteUnit struct {
	Index  int       // of the target in Route.Targets
	Target *Target   // in the plan; not to be changed
	Keep   [][]int32 // by template list: the items that this unit gets; nil, or a nil entry: all
}
