package sidecar

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// Examination is what `heddle check --online` finds out about the servers.
type Examination struct {
	Servers []backend.ServerInfo // that answer; first the one whose settings all sessions get
	// Alike are settings that sessions get in common though the servers have others; Apart are those that stay apart.
	Alike, Apart []backend.Difference
	// Refused is what a data source does not take of the first's settings.
	Refused map[string][]backend.Refusal
}

// Examine connects to every data source of the rules that the configuration names, and changes nothing. Of a data source
// that does not answer, or cannot be entered, the error tells.
func Examine(ctx context.Context, c *config.Config) (*Examination, error) {
	layouts, err := examinedRules(ctx, c)
	if err != nil {
		return nil, err
	}
	list, err := sources(c, layouts)
	if err != nil {
		return nil, err
	}
	out := &Examination{Refused: map[string][]backend.Refusal{}}
	var mu sync.Mutex // guards out.Refused
	s := &servers{config: c, log: zap.NewNop()}
	s.pools = backend.NewPools(backend.Options{Buffers: wire.NewPool(0), Met: func(name string, refused []backend.Refusal) {
		mu.Lock()
		defer mu.Unlock()
		out.Refused[name] = refused
	}})
	err = s.pools.Set(list)
	if err == nil {
		var why error
		why, err = s.probe(ctx, newNotices(s.log))
		err = errors.Join(err, why)
	}
	for _, ds := range list {
		if err != nil && len(s.infos) == 0 {
			break // nobody answers, or the rules name nobody
		}
		lease, failed := s.pools.Acquire(ctx, ds.Name, 0, nil)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		lease.Release()
	}
	out.Servers = s.infos
	for _, d := range backend.Compare(s.infos) {
		if d.Settable {
			out.Alike = append(out.Alike, d)
		} else {
			out.Apart = append(out.Apart, d)
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return out, errors.Join(err, s.pools.Close(closing))
}

// examinedRules are the rules in force: those in etcd, or in the files.
func examinedRules(ctx context.Context, c *config.Config) ([]*rule.Layout, error) {
	if !c.UsesEtcd() {
		docs, _, err := ReadRules(c.Rules.File)
		if err != nil {
			return nil, err
		}
		return resolve(docs)
	}
	store, err := mesh.Open(c, zap.NewNop())
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // it was only read from
	admin, err := mesh.NewAdmin(store, "check", 0)
	if err != nil {
		return nil, err
	}
	texts, err := admin.InForce(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return mesh.Layouts(texts)
}
