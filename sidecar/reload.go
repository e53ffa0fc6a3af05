package sidecar

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// Reload puts a configuration into force, and reads again the files that it names. On error nothing has changed. What
// can change only at a start stays as it was, and is logged. The level of the log is the caller's.
func (p *Process) Reload(next *config.Config) error {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if err := next.Check(); err != nil {
		return err
	}
	was := p.live.Load()
	for _, kept := range next.KeepStatic(was) {
		p.log.Warn("this changes at the next start only", zap.String("field", kept.Field.Name),
			zap.String("now", kept.Old), zap.String("configured", kept.New))
	}
	settings, err := serverSettings(next)
	if err != nil {
		return err
	}
	routes, err := p.routes.calls(next)
	if err != nil {
		return err
	}
	called, err := p.calls.Load().settings(next)
	if err != nil {
		return err
	}
	if err := p.observer.Slow.Set(slowSettings(next)); err != nil {
		return err
	}
	p.live.Store(next)
	if err := p.reloadDocuments(next); err != nil {
		p.live.Store(was)
		return errors.Join(err, p.observer.Slow.Set(slowSettings(was)))
	}
	if err := p.calls.Load().reload(next, called, routes); err != nil {
		return err // of a document that was checked: nothing else has to be undone
	}
	limitHeap(next)
	p.reloadStatements(next, settings)
	for _, change := range config.Diff(was, next) {
		p.log.Info("the configuration changes", zap.String("field", change.Field.Name), zap.String("from", change.Old), zap.String("to", change.New))
	}
	return nil
}

// Reloaded has metrics tell how an attempt at a reload ended, also where it failed before there was anything for Reload to put into force.
func (p *Process) Reloaded(err error) { p.observer.Reloads.Reloaded(err) }

// reloadStatements has statements, also those that begin later, be taken as c says.
func (p *Process) reloadStatements(c *config.Config, settings server.Settings) {
	if p.documents == nil {
		return
	}
	p.plans.Resize(int(c.PlanCache.Size))
	p.memory.SetLimit(int64(c.Memory.Process))
	if p.spill != nil {
		p.spill.Quota.SetLimit(spillQuota(c))
	}
	if s := p.statements.Load(); s != nil { // else they begin by what holds then
		s.server.Set(settings)
		s.shared.SetConfig(sessionConfig(c))
	}
}

// reloadDocuments is documents' reload, where there are others than of calls.
func (p *Process) reloadDocuments(c *config.Config) error {
	if p.documents == nil {
		return nil
	}
	return p.documents.reload(c)
}

// DrainDeadline is how long Stop may take, as it is configured now.
func (p *Process) DrainDeadline() time.Duration { return p.live.Load().Drain.Deadline }
