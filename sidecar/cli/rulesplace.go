package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/explain"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/ops"
)

// errOrphans is a change of placement that is refused because rows would not be found, or might not.
var errOrphans = errors.New("rows would be looked for where they are not")

// orphans is such a refusal; its text says all.
type orphans struct{ text string }

func (o orphans) Error() string   { return o.text }
func (orphans) Is(err error) bool { return err == errOrphans }

// errUnasked is a refusal because a data source could not be asked.
var errUnasked = errors.New("a data source could not be asked")

// unasked is such a refusal, and one of orphans too.
type unasked struct{ orphans }

func (unasked) Is(err error) bool { return err == errUnasked || err == errOrphans }

// placeChange is where a table was and would be.
type placeChange struct {
	Table string   `json:"table"`
	Was   string   `json:"was"`
	Would string   `json:"would_be"`
	Slots []string `json:"slots,omitempty"` // that have their rows elsewhere
}

// mayPlace gives the question that a change of placement has to pass: whether tables have rows that the new rules would not
// look for where they are. It is a refusal by itself where nobody can tell. The question is asked at the pace of the flags
// first, and without a rest and without a word when the tables are held.
func (r *rulesRun) mayPlace(p mesh.Part, was []byte, tables []string, f *applyFlags) (first, held func(context.Context) error, err error) {
	before, after, err := layoutsOf(was, p.Text)
	if err != nil {
		return nil, nil, err
	}
	if why := unaskable(p, before, after, tables); why != nil {
		return nil, nil, why
	}
	ask := func(ctx context.Context, set func(*ops.Look)) error {
		found, err := r.look(ctx, before, after, tables, func(l *ops.Look) { l.First = true; set(l) })
		if err != nil {
			return notAsked(p, tables, err)
		}
		if i := slices.IndexFunc(found, func(m ops.Misplaced) bool { return m.Wrong > 0 }); i >= 0 {
			return orphaned(p, &found[i])
		}
		return nil
	}
	first = func(ctx context.Context) error {
		defer f.bar.end()
		return ask(ctx, func(l *ops.Look) { l.Pace, l.Progress = f.pace, f.bar.looked })
	}
	return first, func(ctx context.Context) error { return ask(ctx, func(*ops.Look) {}) }, nil
}

// layoutsOf lays out the document in force and the next one. Without the former no table is named, and rows lie wherever they
// are found.
func layoutsOf(was, next []byte) (before, after *rule.Layout, err error) {
	if after, err = mesh.LayoutOf(next); err != nil {
		return nil, nil, err
	}
	if len(was) == 0 {
		return &rule.Layout{Database: after.Database, DefaultDataSource: after.DefaultDataSource, DataSources: after.DataSources}, after, nil
	}
	before, err = mesh.LayoutOf(was)
	return before, after, err
}

// shardedIn are the tables whose rows a first document is asked about.
func shardedIn(text []byte) []string {
	l, err := mesh.LayoutOf(text)
	if err != nil {
		return nil
	}
	var out []string
	for _, t := range l.Tables {
		out = append(out, t.Name)
	}
	return out
}

// mayBegin asks before a first document whether there are rows already that it would not find. Servers that cannot be asked
// are no obstacle: there may be none yet.
func (r *rulesRun) mayBegin(ctx context.Context, p mesh.Part, f *applyFlags) error {
	tables := shardedIn(p.Text)
	if len(tables) == 0 {
		return nil
	}
	first, _, err := r.mayPlace(p, nil, tables, f)
	if err != nil {
		return err
	}
	err = first(ctx)
	if errors.Is(err, errUnasked) {
		_, err = fmt.Fprintln(f.errOut, "warning:", err)
	}
	return err
}

// unaskable refuses what no look at tables can allow: that all tables are elsewhere which no rule names, or that a data source
// is where another one was.
func unaskable(p mesh.Part, before, after *rule.Layout, tables []string) error {
	onto, unaskable := ops.Unaskable(before, after, tables)
	if !unaskable {
		return nil
	}
	why := ""
	if len(onto) > 0 {
		why = " (" + strings.Join(onto, ", ") + ")"
	}
	return orphans{fmt.Sprintf("%s: rows of %s would be looked for elsewhere%s. Nothing here moves rows, or looks whether there are any: "+
		"give --force-placement if these tables are empty, or if you move their rows yourself", p.Document, tableList(tables), why)}
}

func notAsked(p mesh.Part, tables []string, err error) error {
	return unasked{orphans{fmt.Sprintf("%s: whether rows of %s would be looked for where they are not could not be asked: %v. "+
		"Give --force-placement if you know that there are none", p.Document, tableList(tables), err)}}
}

func orphaned(p mesh.Part, m *ops.Misplaced) error {
	why := m.Why
	if len(m.Examples) > 0 {
		why = m.Examples[0]
	}
	return orphans{fmt.Sprintf("%s: %s has rows on %s that would be looked for elsewhere (%s). Nothing here moves rows: --dry-run counts them; "+
		"give --force-placement if you move them yourself, or if nobody needs them", p.Document, m.Table, m.DataSource, why)}
}

// look asks the data sources.
func (r *rulesRun) look(ctx context.Context, before, after *rule.Layout, tables []string, set func(*ops.Look)) (found []ops.Misplaced, err error) {
	c, err := r.load()
	if err != nil {
		return nil, err
	}
	l, end, err := sidecar.Looking(c, before, after)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
	set(l)
	return l.Run(ctx, tables)
}

// foresee finds out what a change of placement would do: where the tables would be, and which of their rows.
func (r *rulesRun) foresee(ctx context.Context, p mesh.Part, out *applied, f *applyFlags) error {
	tables := out.Tables
	if len(out.was) == 0 && p.Kind == layout.Rules {
		tables = shardedIn(p.Text)
	}
	if len(tables) == 0 {
		return nil
	}
	before, after, err := layoutsOf(out.was, p.Text)
	if err != nil {
		return err
	}
	for _, t := range out.Tables {
		out.Places = append(out.Places, placeChange{Table: t, Was: before.WhereIs(t), Would: after.WhereIs(t), Slots: rule.MovedSlots(before, after, t)})
	}
	if why := unaskable(p, before, after, out.Tables); why != nil {
		out.Refused = why.Error()
		return nil
	}
	out.Rows, err = r.look(ctx, before, after, tables, func(l *ops.Look) { l.Sample, l.Pace, l.Progress = f.sample, f.pace, f.bar.looked })
	f.bar.end()
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		out.Unasked = err.Error()
		if len(out.was) > 0 { // else it is no obstacle
			out.Refused = notAsked(p, tables, err).Error()
		}
	}
	if i := slices.IndexFunc(out.Rows, func(m ops.Misplaced) bool { return m.Wrong > 0 }); i >= 0 {
		out.Refused = orphaned(p, &out.Rows[i]).Error()
	}
	return nil
}

// endDryRun compares the statements, shows everything, and is an error where apply would refuse.
func (r *rulesRun) endDryRun(ctx context.Context, cmd *cobra.Command, a *mesh.Admin, parts []mesh.Part, done []applied, f *applyFlags) error {
	if (f.statements != "" || f.seen) && len(done) > 0 {
		c, err := r.replanned(ctx, cmd, a, parts, done, f)
		if err != nil {
			return err
		}
		last := &done[len(done)-1]
		last.Statements, last.ByValue, last.Compared = c.Changed, c.ByValue, c.Of
	}
	if err := r.show(cmd.OutOrStdout(), done); err != nil {
		return err
	}
	for _, d := range done {
		if d.Refused != "" && !f.force {
			return orphans{d.Refused}
		}
	}
	return nil
}

// replanned compares the plans of the statements of a file, or of those that instances have run, by the rules in force, and by those with the files' documents.
func (r *rulesRun) replanned(ctx context.Context, cmd *cobra.Command, a *mesh.Admin, parts []mesh.Part, done []applied, f *applyFlags) (none explain.Comparison, err error) {
	in, after, err := comparison(ctx, a, parts, f)
	if err != nil {
		return none, err
	}
	var list []string
	if f.statements != "" {
		text, err := readFile(f.statements, cmd.InOrStdin())
		if err != nil {
			return none, err
		}
		if list, err = explain.Statements(string(text), parser.Mode{Flavour: in.Flavour}); err != nil {
			return none, err
		}
	}
	if f.seen {
		seen, err := seenIn(ctx, a, in.Database, f)
		if err != nil {
			return none, err
		}
		list = append(list, seen...)
	}
	var placed []string
	for i := range done {
		for _, t := range done[i].Tables {
			placed = append(placed, strings.TrimPrefix(done[i].Document, layout.Rules+"/")+"."+t)
		}
	}
	return explain.Compare(ctx, in, after, placed, list), nil
}

// comparison is what statements are planned by: the rules in force, and what the files make of them.
func comparison(ctx context.Context, a *mesh.Admin, parts []mesh.Part, f *applyFlags) (in explain.Input, after []*rule.Layout, err error) {
	if in.Flavour, err = flavourOf("mariadb"); err != nil {
		return in, nil, err
	}
	if f.schema != "" {
		schema, err := readFile(f.schema, nil)
		if err != nil {
			return in, nil, err
		}
		in.Schema = string(schema)
	}
	texts, err := a.InForce(ctx)
	if err != nil {
		return in, nil, err
	}
	if in.Layouts, err = mesh.Layouts(texts); err != nil {
		return in, nil, err
	}
	for _, p := range parts {
		if p.Kind == layout.Rules {
			texts[p.Name], in.Database = p.Text, p.Name
		}
	}
	after, err = mesh.Layouts(texts)
	return in, after, err
}

// seenIn are the statements that the instances have run lately in a database. Who does not answer, and what cannot be planned, is told.
func seenIn(ctx context.Context, a *mesh.Admin, database string, f *applyFlags) ([]string, error) {
	list, left, missing, err := sidecar.Seen(ctx, a.Store, database)
	if err != nil {
		return nil, err
	}
	for _, err := range missing {
		fmt.Fprintln(f.errOut, "warning:", err)
	}
	if left > 0 {
		fmt.Fprintf(f.errOut, "warning: %s of which no statement can be planned\n", counted(left, "shape"))
	}
	return list, nil
}

func tableList(tables []string) string {
	var out []string
	for _, t := range tables {
		if t == rule.AllUnlisted {
			t = "all tables that the rules do not name"
		}
		out = append(out, t)
	}
	return strings.Join(out, ", ")
}

func (r *rulesRun) show(w io.Writer, done []applied) error {
	return r.out.print(w, done, func(w io.Writer) error {
		for i := range done {
			showApplied(w, &done[i])
		}
		return nil
	})
}

func showApplied(w io.Writer, d *applied) {
	switch {
	case d.Unchanged:
		fmt.Fprintf(w, "%s: unchanged, version %d\n", d.Document, d.Version)
	case d.DryRun && len(d.Chosen) > 0:
		fmt.Fprintf(w, "%s: would run as a canary on %s (version %d is in force)\n", d.Document, strings.Join(d.Chosen, ", "), d.Version)
	case d.DryRun:
		fmt.Fprintf(w, "%s: would change (version %d is in force)\n", d.Document, d.Version)
	case d.Canary > 0:
		fmt.Fprintf(w, "%s: version %d runs as a canary on %s (version %d is in force)\n", d.Document, d.Canary, strings.Join(d.Chosen, ", "), d.Version)
	default:
		fmt.Fprintf(w, "%s: version %d is in force (before: %d)\n", d.Document, d.Version, d.Before)
	}
	if len(d.Tables) > 0 && d.Places == nil {
		fmt.Fprintf(w, "  rows live elsewhere: %s\n", tableList(d.Tables))
	}
	if d.Places != nil {
		fmt.Fprintf(w, "  rows live elsewhere: %s\n", tableList(d.Tables))
		for _, p := range d.Places {
			fmt.Fprintf(w, "    %s\n      was:      %s\n      would be: %s\n", tableList([]string{p.Table}), p.Was, p.Would)
			for _, s := range p.Slots {
				fmt.Fprintf(w, "      %s\n", s)
			}
		}
	}
	if d.Unasked != "" {
		fmt.Fprintf(w, "  not all rows could be looked at: %s\n", d.Unasked)
	}
	showRows(w, d)
	for line := range strings.Lines(d.Diff) {
		fmt.Fprint(w, "  ", line)
	}
	if d.Compared > 0 {
		fmt.Fprintf(w, "  %d of %s would get another plan\n", len(d.Statements), counted(d.Compared, "statement"))
	}
	for _, c := range d.Statements {
		fmt.Fprintf(w, "    %s\n      now:\n%s      then:\n%s", strings.ReplaceAll(c.Statement, "\n", "\n    "), indented(c.Before), indented(c.After))
	}
	if len(d.ByValue) > 0 {
		fmt.Fprintf(w, "  %d more would go to another shard for some values of the sharding key\n", len(d.ByValue))
	}
	for _, text := range d.ByValue {
		fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(text, "\n", "\n    "))
	}
}

func indented(plan string) string {
	var b strings.Builder
	for line := range strings.Lines(plan) {
		b.WriteString("        " + line)
	}
	return b.String()
}

func showRows(w io.Writer, d *applied) {
	if d.Rows == nil {
		return
	}
	t := newTable("table", "on", "rows", "on the wrong shard", "")
	for _, m := range d.Rows {
		looked, wrong := fmt.Sprint(m.Rows), fmt.Sprint(m.Wrong)
		if m.Sampled {
			looked += " sampled"
			if m.Rows > 0 {
				wrong += fmt.Sprintf(" (%.1f%%)", 100*float64(m.Wrong)/float64(m.Rows))
			}
		}
		why := ""
		if m.Wrong > 0 {
			why = m.Why
			if why == "" {
				why = strings.Join(m.Examples, "\n")
			}
		}
		t.AppendRow([]any{m.Table, m.DataSource + "." + m.Schema + "." + m.Actual, looked, wrong, why})
	}
	for line := range strings.Lines(t.Render() + "\n") {
		fmt.Fprint(w, "  ", line)
	}
}
