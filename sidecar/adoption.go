package sidecar

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/gate"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// ruleSet is what the documents of rules come to on this instance.
type ruleSet struct {
	layouts []*rule.Layout
	sources []backend.DataSource
}

// buildRules is what the instance can run, or why it cannot. It changes nothing.
func (p *Process) buildRules(docs map[string]reload.Document) (*ruleSet, error) {
	texts := make(map[string][]byte, len(docs))
	for name, d := range docs {
		texts[name] = d.Bytes()
	}
	layouts, err := mesh.Layouts(texts)
	if err != nil {
		return nil, err
	}
	list, err := sources(p.live.Load(), layouts)
	if err != nil {
		return nil, err
	}
	_, err = p.catalogs.Current().WithRules(0, layouts)
	return &ruleSet{layouts: layouts, sources: list}, err
}

// buildUsers reads the users document; without one nobody may log in.
func buildUsers(docs map[string]reload.Document) (*rule.Users, error) {
	d, ok := docs[layout.Mesh]
	if !ok {
		return &rule.Users{}, nil
	}
	users, problems := rule.ParseUsers(d.Bytes())
	return users, problems.Err()
}

// routesBuilder reads the document of routes, of which most often little has changed; without one no call finds any.
func routesBuilder() func(docs map[string]reload.Document) (*route.Table, error) {
	parser := &route.Parser{}
	return func(docs map[string]reload.Document) (*route.Table, error) {
		d, ok := docs[layout.Mesh]
		if !ok {
			return noRoutes(), nil
		}
		document, err := parser.Parse(d.Bytes())
		if err != nil {
			return nil, err
		}
		return route.Compile(document), nil
	}
}

func noRoutes() *route.Table { return route.Compile(&route.Document{}) }

// moved names the tables that a version places elsewhere than what runs. One that is wrong by itself places nothing:
// that it cannot be built is what its author has to be told. Where no barrier was in between, there may have been several
// versions, each of which was compared, addresses too, with the one before it when it was applied.
func moved(was, next reload.Document) ([]string, error) {
	if _, problems := rule.ParseFile(next.Bytes()); len(problems) > 0 {
		return nil, nil
	}
	if next.Pointer.Placement == was.Pointer.Placement {
		return mesh.NamedPlacement(was.Bytes(), next.Bytes())
	}
	return mesh.Placement(was.Bytes(), next.Bytes())
}

// adoption makes what the follower has taken the rules that statements are planned by. The follower swaps a pointer of
// its own and tells nobody; so that no statement sees the rules of before once anybody is told that new ones run, all
// that it does after a swap goes through here: its status, its gate, and the barrier's question.
type adoption struct {
	process  *Process
	log      *notices
	gate     *gate.Gate
	registry *instance.Registry
	rules    *reload.Follower[*ruleSet]
	first    chan struct{} // closed when there are rules

	mu      sync.Mutex // guards what follows
	last    *reload.Snapshot[*ruleSet]
	version uint64
	sources []backend.DataSource
	// lingering are data sources that no rule names any more, for the statements that were planned before.
	lingering []backend.DataSource
	retire    *time.Timer
	away      bool
}

// lingerFor is how long data sources stay that the rules do not name any more. A transaction keeps its connections
// for longer; a statement that opens its last connection later than that fails.
const lingerFor = time.Minute

// settle brings the process to what the follower has taken. On error nothing has changed.
func (a *adoption) settle() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.rules.Current()
	if now == nil || now == a.last {
		return nil
	}
	if a.last != nil && now.Value == a.last.Value { // the pointer moved, and not what this instance runs
		a.last = now
		return nil
	}
	gone := slices.Clone(a.lingering)
	gone = append(gone, a.sources...)
	gone = slices.DeleteFunc(gone, func(ds backend.DataSource) bool { return names(now.Value.sources, ds.Name) })
	if err := a.process.setSources(slices.Concat(now.Value.sources, gone), now.Value.layouts); err != nil {
		return err
	}
	if err := a.process.catalogs.setRules(a.version+1, now.Value.layouts); err != nil {
		return err
	}
	a.version++
	a.last, a.sources, a.lingering = now, now.Value.sources, gone
	if len(gone) > 0 {
		a.linger()
	}
	if len(a.sources) > 0 {
		a.opened()
	}
	a.process.tellReplicas(now.Value.layouts)
	a.log.Info("rules adopted", zap.String("from", now.Source), zap.Any("versions", versions(now)))
	return nil
}

// repool makes the data sources anew from the rules in force, as c has it.
func (a *adoption) repool(c *config.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		return nil
	}
	list, err := sources(c, a.last.Value.layouts)
	if err != nil {
		return err
	}
	if err := a.process.setSources(slices.Concat(list, a.lingering), a.last.Value.layouts); err != nil {
		return err
	}
	a.sources = list
	return nil
}

func names(list []backend.DataSource, name string) bool {
	return slices.ContainsFunc(list, func(ds backend.DataSource) bool { return ds.Name == name })
}

func versions(s *reload.Snapshot[*ruleSet]) map[string]int64 {
	out := map[string]int64{}
	for name, d := range s.Documents {
		out[name] = d.Version.Number
	}
	return out
}

func (a *adoption) opened() {
	select {
	case <-a.first:
	default:
		close(a.first)
	}
}

// linger is called with mu.
func (a *adoption) linger() {
	if a.retire != nil {
		a.retire.Stop()
	}
	a.retire = time.AfterFunc(lingerFor, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.lingering = nil
		if err := a.process.setSources(a.sources, a.last.Value.layouts); err != nil && !errors.Is(err, backend.ErrClosed) {
			a.log.Error("data sources that no rule names stay open", zap.Error(err))
		}
	})
}

// stop ends what linger began.
func (a *adoption) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.retire != nil {
		a.retire.Stop()
	}
}

// Adopt implements barrier.Adopter.
func (a *adoption) Adopt(ctx context.Context, name string, pointer layout.Pointer) error {
	if err := a.rules.Adopt(ctx, name, pointer); err != nil {
		return err
	}
	return a.settle()
}

// Hold implements reload.Gate.
func (a *adoption) Hold(ctx context.Context, owner, document string, tables []string) error {
	return a.gate.Hold(ctx, owner, document, tables)
}

// Release implements reload.Gate. Tables whose new place statements could not be planned by stay closed.
func (a *adoption) Release(owner string) {
	if err := a.settle(); err != nil {
		a.log.Error("rules cannot be put into force; the tables that they move stay closed", zap.Error(err))
		return
	}
	a.gate.Release(owner)
}

// Publish implements reload.Publisher.
func (a *adoption) Publish(ctx context.Context, key string, value []byte) error {
	if err := a.settle(); err != nil {
		a.log.problem("rules", err)
	}
	a.back()
	return a.registry.Publish(ctx, key, value)
}

// back tells once that the store is reached again.
func (a *adoption) back() {
	if a.log.returned(layout.Rules) {
		a.log.Info("the store is reached again")
	}
}
