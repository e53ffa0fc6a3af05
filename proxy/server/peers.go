package server

import (
	"cmp"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
)

// peers are the sessions of this instance and of all others. It implements session.Peers.
type peers struct {
	*registry
	others Others // nil: there are none
}

// Kill ends a session wherever it is. One of this instance needs nobody else.
func (p peers) Kill(by session.Identity, id uint32, query bool) error {
	err := p.registry.Kill(by, id, query)
	if e := sqlerr.As(err); p.others == nil || e == nil || e.Code != sqlerr.CodeNoSuchThread {
		return err
	}
	return p.others.Kill(by, id, query)
}

// Everywhere implements session.Peers.
func (p peers) Everywhere(by session.Identity) (all []session.Info, silent []string) {
	if p.others != nil {
		all, silent = p.others.List(by)
	}
	for _, i := range p.List() {
		if i.User == by.User || by.Databases == nil {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b session.Info) int { return cmp.Compare(a.ID, b.ID) })
	return all, silent
}
