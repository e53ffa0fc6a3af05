package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

func (r *rulesRun) get() *cobra.Command {
	var version int64
	cmd := &cobra.Command{
		Use:   "get [DATABASE | --users | --routes]",
		Short: "Print a document, or list those in force",
		Args:  cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	cmd.Flags().Int64Var(&version, "version", 0, "another version than the one in force")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			if len(args) == 0 && !r.users && !r.routes {
				return r.list(ctx, a, cmd.OutOrStdout())
			}
			doc, err := r.document(args)
			if err != nil {
				return err
			}
			var v layout.Version
			if version > 0 {
				v, err = a.Of(doc.Kind).GetVersion(ctx, doc.Name, version)
			} else {
				var active admin.Active
				active, err = a.Of(doc.Kind).Get(ctx, doc.Name)
				v = active.Version
			}
			if errors.Is(err, admin.ErrNotFound) && doc.Kind == layout.Rules && (doc.Name == layout.Users || doc.Name == layout.Users+"/"+layout.Mesh) {
				return fmt.Errorf("%w; the users are `heddle rules get --users`", err)
			}
			if err != nil {
				return err
			}
			return r.out.print(cmd.OutOrStdout(), v, func(w io.Writer) error {
				_, err := io.WriteString(w, v.Text)
				return err
			})
		})
	}
	return cmd
}

// listed is one document in force.
type listed struct {
	Document string         `json:"document"`
	Active   layout.Pointer `json:"active"`
}

func (r *rulesRun) list(ctx context.Context, a *mesh.Admin, w io.Writer) error {
	all := []listed{}
	for _, kind := range mesh.Kinds() {
		names, err := a.Of(kind).Names(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			active, err := a.Of(kind).Get(ctx, name)
			if errors.Is(err, admin.ErrNotFound) {
				continue // dropped
			}
			if err != nil {
				return err
			}
			all = append(all, listed{layout.Document{Kind: kind, Name: name}.String(), active.Pointer})
		}
	}
	return r.out.print(w, all, func(w io.Writer) error {
		t := newTable("document", "version", "since", "by", "comment")
		for _, d := range all {
			t.AppendRow([]any{d.Document, d.Active.Version, when(d.Active.Time), d.Active.By, d.Active.Comment})
		}
		_, err := fmt.Fprintln(w, t.Render())
		return err
	})
}

func (r *rulesRun) diff() *cobra.Command {
	var from, to int64
	var files []string
	cmd := &cobra.Command{
		Use:   "diff (-f FILE | DATABASE | --users | --routes)",
		Short: "Show how files differ from what is in force, or two versions from each other",
		Args:  cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	cmd.Flags().Int64Var(&from, "from", 0, "a version; 0: the one in force")
	cmd.Flags().Int64Var(&to, "to", 0, "a version; 0: the one in force")
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file of documents; - is standard input; repeatable")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			diffs, err := r.diffs(ctx, a, files, args, cmd.InOrStdin(), from, to)
			if err != nil {
				return err
			}
			return r.out.print(cmd.OutOrStdout(), diffs, func(w io.Writer) error {
				for _, name := range slices.Sorted(maps.Keys(diffs)) {
					if _, err := io.WriteString(w, diffs[name]); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	return cmd
}

func (r *rulesRun) diffs(ctx context.Context, a *mesh.Admin, files, args []string, stdin io.Reader, from, to int64) (map[string]string, error) {
	out := map[string]string{}
	if len(files) == 0 {
		doc, err := r.document(args)
		if err != nil {
			return nil, err
		}
		out[doc.String()], err = a.Of(doc.Kind).Diff(ctx, doc.Name, from, to)
		return out, err
	}
	parts, err := readParts(files, stdin)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if out[p.Document.String()], err = a.Of(p.Kind).DiffWith(ctx, p.Name, p.Text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *rulesRun) history() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history (DATABASE | --users | --routes)",
		Short: "List the versions of a document, and when each was in force",
		Args:  cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doc, err := r.document(args)
		if err != nil {
			return err
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			h, err := a.Of(doc.Kind).History(ctx, doc.Name)
			if err != nil {
				return err
			}
			return r.out.print(cmd.OutOrStdout(), history{h.Active, h.Versions, h.Moves}, func(w io.Writer) error { return showHistory(w, h) })
		})
	}
	return cmd
}

// history is what became of a document, as programs read it.
type history struct {
	Active   int64            `json:"active"` // 0: none
	Versions []layout.Version `json:"versions"`
	Moves    []layout.Pointer `json:"moves"`
}

func showHistory(w io.Writer, h admin.History) error {
	t := newTable("version", "written", "author", "in force", "comment")
	for _, v := range h.Versions {
		force := "never"
		switch {
		case v.Number == h.Active:
			force = "now"
		case len(h.Moves) > 0 && h.Moves[0].Canary != nil && h.Moves[0].Canary.Version == v.Number:
			force = "canary " + h.Moves[0].Canary.String()
		case slices.ContainsFunc(h.Moves, func(m layout.Pointer) bool { return m.Version == v.Number }):
			force = "earlier"
		case slices.ContainsFunc(h.Moves, func(m layout.Pointer) bool { return m.Canary != nil && m.Canary.Version == v.Number }):
			force = "as a canary"
		}
		t.AppendRow([]any{v.Number, when(v.Time), v.Author, force, v.Comment})
	}
	moves := newTable("moved", "to version", "by", "how", "comment")
	for _, m := range h.Moves {
		how := m.Reason
		if m.Canary != nil {
			how = fmt.Sprintf("%s of version %d, %s", how, m.Canary.Version, m.Canary)
		}
		moves.AppendRow([]any{when(m.Time), m.Version, m.By, how, m.Comment})
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", t.Render(), moves.Render())
	return err
}
