package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

func (r *rulesRun) rollback() *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use:   "rollback (DATABASE | --users) --to VERSION",
		Short: "Bring an older version into force again",
		Long: "Bring an older version into force again. A change of placement cannot be undone so: rows were written by the new\n" +
			"placement since. Apply the older text as a new version then.",
		Args: cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	r.changeFlags(cmd)
	cmd.Flags().Int64Var(&to, "to", 0, "the version")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doc, err := r.document(args)
		if err == nil && to <= 0 {
			err = errors.New("to which version? give --to")
		}
		if err != nil {
			return err
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			res, err := a.Of(doc.Kind).Rollback(ctx, doc.Name, to, authorOr(r.author), r.comment, r.anyBase())
			if errors.Is(err, admin.ErrPlacement) {
				return fmt.Errorf("%w; `heddle rules get %s --version %d` prints it, to be applied as a new version", err, doc.Name, to)
			}
			if err != nil {
				return err
			}
			return r.show(cmd.OutOrStdout(), []applied{resultOf(doc, res)})
		})
	}
	return cmd
}

// anyBase is the base for the changes that look and write in one step.
func (r *rulesRun) anyBase() int64 {
	if r.base == fromStart {
		return admin.AnyBase
	}
	return r.base
}

func resultOf(doc layout.Document, res admin.Result) applied {
	return applied{Document: doc.String(), Version: res.Pointer.Version, Before: res.Before, Unchanged: res.Unchanged, Tables: res.Tables, Diff: res.Diff}
}

func (r *rulesRun) drop() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "drop (DATABASE | --users)",
		Short: "End a document; its history stays",
		Long: "End a document; its history stays. Instances go on without the logical database. For rules this is a change of\n" +
			"placement of all its tables: it goes through the barrier, and wants --force-placement.",
		Args: cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	r.changeFlags(cmd)
	cmd.Flags().BoolVar(&force, "force-placement", false, "nobody needs the rows by this document any more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doc, err := r.document(args)
		if err == nil && doc.Kind == layout.Rules && !force {
			err = fmt.Errorf("%s: clients would not find any of its tables; give --force-placement if that is meant", doc)
		}
		if err != nil {
			return err
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			res, err := a.Of(doc.Kind).Drop(ctx, doc.Name, authorOr(r.author), r.comment, r.anyBase())
			if err != nil {
				return err
			}
			return r.show(cmd.OutOrStdout(), []applied{resultOf(doc, res)})
		})
	}
	return cmd
}
