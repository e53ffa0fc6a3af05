package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/ops"
)

// Change brings into force what edit makes of the document in force. It takes the door of `heddle rules apply`: the same
// validation, the same refusal to lose rows, the same barrier and history; somebody who came first in the meantime is named.
func (d *databases) Change(ctx context.Context, by, name, comment string, edit func(*rule.Document) error) (session.RuleChange, error) {
	var out session.RuleChange
	active, err := d.admin.Rules.Get(ctx, name)
	if err != nil {
		return out, changeRefused(err)
	}
	before := bytes.TrimPrefix(active.Bytes(), []byte(made))
	doc, problems := rule.Parse(before)
	if err := problems.Err(); err != nil {
		return out, sqlerr.RuleRefused("the document in force is not valid: " + err.Error())
	}
	was := doc.Marshal()
	if err := edit(doc); err != nil {
		return out, err
	}
	if bytes.Equal(was, doc.Marshal()) {
		return session.RuleChange{Version: active.Pointer.Version, Unchanged: true}, nil
	}
	text, kept := rule.Rewrite(before, doc)
	switch marks := bytes.Count(before, []byte("#")); {
	case !kept && marks > 0:
		out.Notes = append(out.Notes, fmt.Sprintf("the document was written anew, without its comments; version %d has them", active.Pointer.Version))
	case bytes.Count(text, []byte("#")) < marks:
		out.Notes = append(out.Notes, fmt.Sprintf("comments on what has changed are gone; version %d has them", active.Pointer.Version))
	}
	return d.bring(ctx, &admin.Application{Name: name, Document: text, Author: by, Comment: comment, Base: active.Pointer.Version}, before, out)
}

// Import brings the text of a document into force as it is.
func (d *databases) Import(ctx context.Context, by, name, comment string, text []byte) (session.RuleChange, error) {
	var out session.RuleChange
	active, err := d.admin.Rules.Get(ctx, name)
	if err != nil {
		return out, changeRefused(err)
	}
	before := bytes.TrimPrefix(active.Bytes(), []byte(made))
	if bytes.Equal(before, text) {
		return session.RuleChange{Version: active.Pointer.Version, Unchanged: true}, nil
	}
	return d.bring(ctx, &admin.Application{Name: name, Document: text, Author: by, Comment: comment, Base: active.Pointer.Version}, before, out)
}

// bring brings a change of the document before into force.
func (d *databases) bring(ctx context.Context, change *admin.Application, before []byte, out session.RuleChange) (session.RuleChange, error) {
	name, text := change.Name, change.Document
	change.DryRun = true
	seen, err := d.admin.Rules.Apply(ctx, *change)
	if err == nil && len(seen.Tables) > 0 {
		change.Check, err = d.mayPlace(before, text, seen.Tables)
		if err == nil && change.Check != nil { // so that what is known to be wrong holds no statement
			err = change.Check(ctx)
		}
	}
	if err != nil {
		return out, changeRefused(err)
	}
	change.DryRun = false
	res, err := d.admin.Rules.Apply(ctx, *change)
	if err != nil {
		return out, changeRefused(err)
	}
	out.Version = res.Pointer.Version
	out.Notes = append(out.Notes, d.unanswered(ctx, before, text)...)
	out.Late, err = d.adopted(ctx, name, res.Pointer)
	return out, err
}

// changeRefused is what the client is told of a change that was not made, or of which it is not known.
func changeRefused(err error) error {
	var conflict *admin.Conflict
	switch {
	case sqlerr.As(err) != nil:
		return err
	case errors.Is(err, store.ErrUnavailable):
		return sqlerr.RulesUnreached(err.Error())
	case errors.As(err, &conflict):
		return sqlerr.RuleRefused("somebody was faster: " + err.Error())
	}
	return sqlerr.RuleRefused(err.Error())
}

// mayPlace refuses a change of placement by which rows would be looked for where they are not, as `heddle rules apply` does: it gives
// the question to the servers, or is the refusal where they cannot tell.
func (d *databases) mayPlace(was, next []byte, tables []string) (func(context.Context) error, error) {
	before, err1 := layoutOf(was)
	after, err2 := layoutOf(next)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	const byHand = ", and no statement moves rows: `heddle rules apply --force-placement` does it if "
	if _, unaskable := ops.Unaskable(before, after, tables); unaskable {
		return nil, sqlerr.RuleRefused("rows of " + placedTables(tables) + " would be looked for elsewhere" + byHand +
			"these tables are empty, or if you move their rows yourself")
	}
	return func(ctx context.Context) (err error) {
		look, end, err := Looking(d.stored.process.live.Load(), before, after)
		if err != nil {
			return sqlerr.RuleRefused(err.Error())
		}
		defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
		look.First = true
		found, err := look.Run(ctx, tables)
		if err != nil {
			return sqlerr.RuleRefused("whether rows of " + placedTables(tables) + " would be looked for elsewhere could not be asked: " + err.Error())
		}
		for i := range found {
			if m := &found[i]; m.Wrong > 0 {
				return sqlerr.RuleRefused(fmt.Sprintf("%s has rows on %s that would be looked for elsewhere (%s)%syou move them yourself", m.Table, m.DataSource,
					slices.Concat(m.Examples, []string{m.Why})[0], byHand))
			}
		}
		return nil
	}, nil
}

func layoutOf(text []byte) (*rule.Layout, error) {
	d, problems := rule.Parse(text)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return d.Resolve()
}

func placedTables(tables []string) string {
	out := slices.Clone(tables)
	for i := range out {
		if out[i] == rule.AllUnlisted {
			out[i] = "all tables that the rules do not name"
		}
	}
	return strings.Join(out, ", ")
}

// unanswered tells of new data sources that nobody answers for, or that let nobody in.
func (d *databases) unanswered(ctx context.Context, was, next []byte) (notes []string) {
	before, err1 := layoutOf(was)
	after, err2 := layoutOf(next)
	if errors.Join(err1, err2) != nil {
		return nil
	}
	for i := range after.DataSources {
		ds := &after.DataSources[i]
		if old := before.DataSource(ds.Name); old != nil && old.Address == ds.Address && old.User == ds.User && old.Password == ds.Password {
			continue
		}
		if _, err := WithRows(ctx, d.stored.process.live.Load(), ds, nil); err != nil {
			notes = append(notes, fmt.Sprintf("%s does not let Heddle in at %s: %v", ds.Name, ds.Address, err))
		}
	}
	return notes
}

// adopted waits for a while until all living instances run a pointer; late are those that do not yet.
func (d *databases) adopted(ctx context.Context, name string, pointer layout.Pointer) (late []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, adoptionWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if late = d.late(ctx, name, pointer); len(late) == 0 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			if slices.Contains(late, d.stored.process.config.Instance.Name) {
				err = sqlerr.Internal(fmt.Sprintf("version %d of the rules of %s is in force, and this instance does not run it", pointer.Version, name))
			}
			return late, err
		case <-tick.C:
		}
	}
}
