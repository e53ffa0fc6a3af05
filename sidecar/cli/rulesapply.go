package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// applied is what became of one document.
type applied struct {
	Document  string   `json:"document"`
	Version   int64    `json:"version"`          // in force now
	Before    int64    `json:"before,omitempty"` // in force when the command began
	Unchanged bool     `json:"unchanged,omitempty"`
	DryRun    bool     `json:"dry_run,omitempty"`
	Tables    []string `json:"placement,omitempty"` // whose rows live elsewhere
	Diff      string   `json:"diff,omitempty"`

	was []byte // the text that was in force, of rules that have changed
}

func (r *rulesRun) apply() *cobra.Command {
	var files []string
	var dry, force bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Bring documents into force",
		Long: "Validate the documents of files and bring them into force, one after the other, rules before users. Instances adopt\n" +
			"them at once. A change of placement, which says anew where rows live, goes through a barrier: every instance\n" +
			"holds the tables, then all of them go on by the new rules, or none does. It moves no rows. It is refused without\n" +
			"--force-placement for tables that the document in force names, with rows or without, and for those that it does not name where a\n" +
			"data source, which is asked from here, has rows of them, or cannot be asked.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file of documents, separated by ---; - is standard input; repeatable")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would change, and change nothing")
	cmd.Flags().BoolVar(&force, "force-placement", false, "change the placement of tables that may have rows: they are empty, or somebody moves the rows")
	r.changeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		parts, err := readParts(files, cmd.InOrStdin())
		if err != nil {
			return err
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			a.Together(parts)
			var done []applied
			for _, p := range parts {
				one, err := r.applyOne(ctx, a, p, dry, force)
				if err != nil {
					return errors.Join(r.show(cmd.OutOrStdout(), done), err)
				}
				done = append(done, one)
			}
			if err := r.show(cmd.OutOrStdout(), done); err != nil || dry {
				return err
			}
			if err := r.warnOfServers(ctx, parts, done, cmd.ErrOrStderr()); err != nil {
				return err
			}
			return warnOfEpoch(ctx, a, cmd.ErrOrStderr())
		})
	}
	return cmd
}

// warnOfServers tells of new addresses at which nobody answers, or nobody who lets Heddle in.
func (r *rulesRun) warnOfServers(ctx context.Context, parts []mesh.Part, done []applied, to io.Writer) error {
	for i, p := range parts {
		if p.Kind != layout.Rules || done[i].Unchanged {
			continue
		}
		moved, _, err := mesh.Readdressed(done[i].was, p.Text)
		if err != nil || len(moved) == 0 {
			return err
		}
		c, err := r.load()
		if err != nil {
			return err
		}
		for _, ds := range moved {
			if _, err := sidecar.WithRows(ctx, c, &ds, nil); err != nil {
				if _, err := fmt.Fprintf(to, "warning: %s: %s does not answer at its new address %s: %v\n", p.Document, ds.Name, ds.Address, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// warnOfEpoch tells of a store in which ids cannot be generated yet.
func warnOfEpoch(ctx context.Context, a *mesh.Admin, to io.Writer) error {
	from, err := claim.Begins(ctx, a.Store, time.Now())
	if err == nil && !from.IsZero() {
		_, err = fmt.Fprintln(to, "warning: INSERTs that need a generated id fail for now:", claim.NotBefore(from))
	}
	return err
}

// applyOne looks first what would happen, so that a placement is only changed by who means it.
func (r *rulesRun) applyOne(ctx context.Context, a *mesh.Admin, p mesh.Part, dry, force bool) (applied, error) {
	docs := a.Of(p.Kind)
	change := admin.Application{Name: p.Name, Document: p.Text, Author: authorOr(r.author), Comment: r.comment, Base: r.base, DryRun: true}
	if r.base == fromStart {
		change.Base = admin.AnyBase
	}
	out := applied{Document: p.Document.String(), DryRun: dry}
	seen, err := docs.Apply(ctx, change)
	if err != nil {
		return out, err
	}
	out.Version, out.Before, out.Unchanged, out.Tables, out.Diff = seen.Pointer.Version, seen.Pointer.Version, seen.Unchanged, seen.Tables, seen.Diff
	if seen.Unchanged {
		return out, nil
	}
	if seen.Pointer.Version > 0 && p.Kind == layout.Rules {
		active, err := docs.Get(ctx, p.Name)
		if err != nil && !errors.Is(err, admin.ErrNotFound) {
			return out, err
		}
		out.was = active.Bytes()
	}
	if len(seen.Tables) > 0 && !force {
		if change.Check, err = r.mayPlace(ctx, docs, p, seen.Tables); err != nil {
			return out, err
		}
		if change.Check != nil { // so that what is known to be wrong holds no statement
			if err := change.Check(ctx); err != nil {
				return out, err
			}
		}
	}
	if dry {
		return out, nil
	}
	change.Base, change.DryRun = seen.Pointer.Version, false
	res, err := docs.Apply(ctx, change)
	out.Version = res.Pointer.Version
	return out, err
}

// mayPlace refuses a change of placement of tables that may have rows. Where a server has to be asked, which may get rows
// until the tables are held, it gives the question.
func (r *rulesRun) mayPlace(ctx context.Context, docs *admin.Documents, p mesh.Part, tables []string) (func(context.Context) error, error) {
	active, err := docs.Get(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	risky, asked, err := mesh.MayHoldRows(active.Bytes(), p.Text, tables)
	if err != nil {
		return nil, err
	}
	if len(risky) > 0 {
		_, onto, err := mesh.Readdressed(active.Bytes(), p.Text)
		if err != nil {
			return nil, err
		}
		why := ""
		if len(onto) > 0 {
			why = " (" + strings.Join(onto, ", ") + ")"
		}
		return nil, fmt.Errorf("%s: rows of %s would be looked for elsewhere%s. Nothing here moves rows, or looks whether there are any: "+
			"give --force-placement if these tables are empty, or if you move their rows yourself", p.Document, tableList(risky), why)
	}
	if len(asked) == 0 {
		return nil, nil
	}
	c, err := r.load()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return askForRows(ctx, c, p, asked, tables) }, nil
}

// askForRows refuses to have tables looked for elsewhere that have rows where they are.
func askForRows(ctx context.Context, c *config.Config, p mesh.Part, asked []mesh.Asked, tables []string) error {
	for _, a := range asked {
		filled, err := sidecar.WithRows(ctx, c, &a.Source, a.Nodes)
		if err != nil {
			return fmt.Errorf("%s: whether %s has tables that the document in force does not name, and rows in them, could not be asked: %w. "+
				"Give --force-placement if you know that there are no rows of %s", p.Document, a.Source.Name, err, tableList(tables))
		}
		if len(filled) > 0 {
			return fmt.Errorf("%s: %s has rows on %s, where it is served from though the document in force does not name it; they would be "+
				"looked for elsewhere. Nothing here moves rows: give --force-placement if you move them yourself, or if nobody needs them",
				p.Document, tableList(filled), a.Source.Name)
		}
	}
	return nil
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
		for _, d := range done {
			switch {
			case d.Unchanged:
				fmt.Fprintf(w, "%s: unchanged, version %d\n", d.Document, d.Version)
			case d.DryRun:
				fmt.Fprintf(w, "%s: would change (version %d is in force)\n", d.Document, d.Version)
			default:
				fmt.Fprintf(w, "%s: version %d is in force (before: %d)\n", d.Document, d.Version, d.Before)
			}
			if len(d.Tables) > 0 {
				fmt.Fprintf(w, "  rows live elsewhere: %s\n", tableList(d.Tables))
			}
			for line := range strings.Lines(d.Diff) {
				fmt.Fprint(w, "  ", line)
			}
		}
		return nil
	})
}

// readParts reads and validates files of documents.
func readParts(files []string, stdin io.Reader) ([]mesh.Part, error) {
	if len(files) == 0 {
		return nil, errors.New("which file? give -f FILE")
	}
	var rules, users []mesh.Part
	for _, path := range files {
		text, err := readFile(path, stdin)
		if err != nil {
			return nil, err
		}
		parts, err := mesh.Split(text)
		if err != nil {
			return nil, fmt.Errorf("%s:\n%w", path, err)
		}
		for _, p := range parts {
			if p.Kind == layout.Users {
				users = append(users, p)
			} else {
				rules = append(rules, p)
			}
		}
	}
	return append(rules, users...), nil
}

func readFile(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	return text, nil
}
