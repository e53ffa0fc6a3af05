package backend

// Budgets are of servers: all processes together have so many connections to each. What this one may have of them, its data
// sources and endpoints on the same server share.

// Divide says among how many processes budgets are shared out in equal parts; 0: it is not known, and this one has what is guaranteed to
// it. It begins with 1. Connections that are too many then are closed when they come back.
func (p *Pools) Divide(among int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.among = among
	current := *p.current.Load()
	for name, limits := range p.shared(p.endpoints(p.declared)) {
		if src := current[name]; src != nil {
			src.resize(limits)
		}
	}
}

// shared are the limits of data sources and endpoints, cut down to their parts of budgets. It is called with mu.
func (p *Pools) shared(sources []DataSource) map[string]Limits {
	type server struct{ budget, pools int }
	servers := map[string]*server{}
	for i := range sources {
		ds := &sources[i]
		s := servers[ds.Addr]
		if s == nil {
			s = &server{}
			servers[ds.Addr] = s
		}
		if b := ds.Limits.Budget; b > 0 {
			if s.pools++; s.budget == 0 || b < s.budget {
				s.budget = b
			}
		}
	}
	out := make(map[string]Limits, len(sources))
	for i := range sources {
		l := sources[i].Limits.withDefaults()
		if s := servers[sources[i].Addr]; l.Budget > 0 {
			part := l.Least
			if p.among > 0 {
				part = max(part, s.budget/p.among/s.pools)
			}
			l.MaxOpen = min(l.MaxOpen, part)
			l.MaxIdle, l.MinIdle = min(l.MaxIdle, l.MaxOpen), min(l.MinIdle, l.MaxOpen)
		}
		out[sources[i].Name] = l
	}
	return out
}

// Within reports whether no server with a budget has more connections of this process than it may have; those that are being
// closed because their data source was changed count.
func (p *Pools) Within() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	type use struct{ open, most int }
	servers := map[string]use{}
	for _, src := range *p.current.Load() {
		src.mu.Lock()
		if src.limits.Budget > 0 {
			u := servers[src.ds.Addr]
			servers[src.ds.Addr] = use{u.open + src.open, u.most + src.limits.MaxOpen}
		}
		src.mu.Unlock()
	}
	for _, src := range p.retired {
		if u, ok := servers[src.ds.Addr]; ok {
			src.mu.Lock()
			u.open += src.open
			src.mu.Unlock()
			servers[src.ds.Addr] = u
		}
	}
	for _, u := range servers {
		if u.open > u.most {
			return false
		}
	}
	return true
}
