package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/explain"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/ops"
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
	// Canary is the version that some instances run beside the one in force: Chosen, of those that live.
	Canary int64    `json:"canary,omitempty"`
	Chosen []string `json:"chosen,omitempty"`
	// What a dry run has found out.
	Places     []placeChange     `json:"places,omitempty"`
	Rows       []ops.Misplaced   `json:"rows,omitempty"`
	Unasked    string            `json:"rows_unknown,omitempty"` // why Rows are not all
	Statements []explain.Changed `json:"statements,omitempty"`
	ByValue    []string          `json:"statements_by_value,omitempty"` // plans stay, and rows do not
	Compared   int               `json:"statements_compared,omitempty"`
	Refused    string            `json:"refused,omitempty"` // why it would not be applied

	was []byte // the text that was in force, of rules that have changed
}

// applyFlags are what one run of `heddle rules apply` is to do.
type applyFlags struct {
	files              []string
	dry, force         bool
	canary             string
	statements, schema string
	seen               bool
	sample             int
	pace               float64
	bar                *progress
	errOut             io.Writer
}

func (r *rulesRun) apply() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Bring documents into force",
		Long: "Validate the documents of files and bring them into force, one after the other, rules before users and users before routes. Instances adopt\n" +
			"them at once. A change of placement, which says anew where rows live, goes through a barrier: every instance\n" +
			"holds the tables, then all of them go on by the new rules, or none does. It moves no rows: the data sources are asked\n" +
			"from here, and again while the tables are held, whether rows would be looked for where they are not, and the change is refused\n" +
			"then, or where a data source cannot be asked, unless --force-placement says that somebody moves them. A first document is\n" +
			"asked about too, but a data source that cannot be asked is only warned of.\n" +
			"An instance that cannot adopt what has come into force keeps the last good version, and is warned of; if that is so of all that are to\n" +
			"run it, the exit code is 6.\n" +
			"--dry-run says which tables and keys would be elsewhere, counts the rows that would be on the wrong shard, and, with\n" +
			"--statements or --seen, shows which statements would get another plan: those of a file, or those that the instances have run.",
		Args: cobra.NoArgs,
	}
	fl := cmd.Flags()
	fl.StringArrayVarP(&f.files, "file", "f", nil, "file of documents, separated by ---; - is standard input; repeatable")
	fl.BoolVar(&f.dry, "dry-run", false, "say what would change, and change nothing")
	fl.BoolVar(&f.force, "force-placement", false, "change the placement of tables that may have rows: they are empty, or somebody moves the rows")
	fl.StringVar(&f.canary, "canary", "", "let some instances try it, until promote or abort: instance=NAME[,NAME], zone=NAME, label=KEY:VALUE or share=20%")
	fl.StringVar(&f.statements, "statements", "", "dry run: file of SQL statements, to see which would get another plan; - is standard input")
	fl.BoolVar(&f.seen, "seen", false, "dry run: see which of the statements that the instances have run lately would get another plan")
	fl.StringVar(&f.schema, "schema", "", "dry run: file of CREATE TABLE statements that --statements and --seen are planned by")
	fl.IntVar(&f.sample, "sample", 0, "dry run: look at so many rows of each actual table only")
	fl.Float64Var(&f.pace, "pace", 1, "rest so many times as long as each look at 10,000 rows took; 0 does not rest")
	r.changeFlags(cmd)
	yesFlag(cmd, &r.yes)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !f.dry && (f.sample > 0 || f.statements != "" || f.seen) {
			return errors.New("--sample, --statements and --seen are for --dry-run")
		}
		parts, err := readParts(f.files, cmd.InOrStdin())
		if err != nil {
			return err
		}
		if f.force && !f.dry {
			if err := confirm(cmd, r.yes, "rows of tables that are placed anew are not found by the new rules unless somebody moves them"); err != nil {
				return err
			}
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			a.Together(parts)
			f.bar, f.errOut = newProgress(cmd.ErrOrStderr()), cmd.ErrOrStderr()
			var done []applied
			for _, p := range parts {
				one, err := r.applyOne(ctx, a, p, &f)
				if err != nil {
					return errors.Join(r.show(cmd.OutOrStdout(), done), err)
				}
				done = append(done, one)
			}
			if f.dry {
				return r.endDryRun(ctx, cmd, a, parts, done, &f)
			}
			if err := r.show(cmd.OutOrStdout(), done); err != nil {
				return err
			}
			var refused []error
			for i, p := range parts {
				refused = append(refused, warnOfRefusals(ctx, a, p.Document, &done[i], cmd.ErrOrStderr()))
			}
			return errors.Join(append(refused, r.warnOfServers(ctx, parts, done, cmd.ErrOrStderr()), warnOfEpoch(ctx, a, cmd.ErrOrStderr()))...)
		})
	}
	return cmd
}

// refusalWait is how long instances are waited for that have neither adopted nor refused a version.
const refusalWait = 2 * time.Second

// warnOfRefusals tells of living instances that cannot adopt what has just come into force, or was before: who tries again hears the same. Those
// that are only late are no news. That none of those that are to run it can is errBehind: what is in force runs nowhere.
func warnOfRefusals(ctx context.Context, a *mesh.Admin, doc layout.Document, done *applied, to io.Writer) error {
	version := max(done.Version, done.Canary)
	for until := time.Now().Add(refusalWait); ; {
		_, instances, err := a.Of(doc.Kind).Status(ctx)
		if err != nil {
			return err
		}
		open, refusals := false, []string{}
		for _, s := range instances {
			switch d := s.Documents[doc.Name]; {
			case d.Refused == version:
				refusals = append(refusals, fmt.Sprintf("warning: %s: %s does not run version %d, and keeps version %d: %s\n", doc, s.Instance, version, d.Version, d.Problem))
			case s.Behind[doc.Name] != "":
				open = true
			}
		}
		if !open || time.Now().After(until) {
			_, err := io.WriteString(to, strings.Join(refusals, ""))
			if n := meant(done, instances); err == nil && n > 0 && len(refusals) == n {
				err = nowhere{fmt.Sprintf("%s: version %d runs nowhere: none of the living instances that are to run it can (%d)", doc, version, n)}
			}
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// meant is how many living instances are to run what has come into force.
func meant(done *applied, instances []admin.InstanceStatus) (n int) {
	for _, s := range instances {
		if done.Canary == 0 || slices.Contains(done.Chosen, s.Instance) {
			n++
		}
	}
	return n
}

// nowhere is a version in force that no instance can run.
type nowhere struct{ text string }

func (e nowhere) Error() string        { return e.text }
func (e nowhere) Is(target error) bool { return target == errBehind }

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
func (r *rulesRun) applyOne(ctx context.Context, a *mesh.Admin, p mesh.Part, f *applyFlags) (applied, error) {
	docs := a.Of(p.Kind)
	change := admin.Application{Name: p.Name, Document: p.Text, Author: authorOr(r.author), Comment: r.comment, Base: r.base, DryRun: true}
	if r.base == fromStart {
		change.Base = admin.AnyBase
	}
	out := applied{Document: p.Document.String(), DryRun: f.dry}
	if f.canary != "" {
		canary, err := layout.ParseCanary(f.canary)
		if err != nil {
			return out, err
		}
		change.Canary = &canary
	}
	seen, err := docs.Apply(ctx, change)
	if err != nil {
		return out, err
	}
	out.Version, out.Before, out.Unchanged, out.Tables, out.Diff = seen.Pointer.Version, seen.Pointer.Version, seen.Unchanged, seen.Tables, seen.Diff
	out.Chosen = seen.Chosen
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
	if f.dry {
		return out, r.foresee(ctx, p, &out, f)
	}
	switch {
	case f.force:
	case len(out.was) == 0 && p.Kind == layout.Rules:
		if err := r.mayBegin(ctx, p, f); err != nil {
			return out, err
		}
	case len(seen.Tables) > 0:
		first, held, err := r.mayPlace(p, out.was, seen.Tables, f)
		if err == nil {
			err = first(ctx) // so that what is known to be wrong holds no statement
		}
		if err != nil {
			return out, err
		}
		change.Check = held
	}
	change.Base, change.DryRun = seen.Pointer.Version, false
	res, err := docs.Apply(ctx, change)
	out.Version, out.Chosen = res.Pointer.Version, res.Chosen
	if c := res.Pointer.Canary; c != nil {
		out.Canary = c.Version
	}
	return out, err
}

// readParts reads and validates files of documents.
func readParts(files []string, stdin io.Reader) ([]mesh.Part, error) {
	if len(files) == 0 {
		return nil, errors.New("which file? give -f FILE")
	}
	var all []mesh.Part
	for _, path := range files {
		text, err := readFile(path, stdin)
		if err != nil {
			return nil, err
		}
		parts, err := mesh.Split(text)
		if err != nil {
			return nil, fmt.Errorf("%s:\n%w", path, err)
		}
		all = append(all, parts...)
	}
	slices.SortStableFunc(all, func(a, b mesh.Part) int {
		return slices.Index(mesh.Kinds(), a.Kind) - slices.Index(mesh.Kinds(), b.Kind)
	})
	return all, nil
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
