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
		Use:   "rollback (DATABASE | --users | --routes) --to VERSION",
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
			return r.tell(ctx, cmd, a, doc, res)
		})
	}
	return cmd
}

// tell shows what has come into force, and who cannot adopt it.
func (r *rulesRun) tell(ctx context.Context, cmd *cobra.Command, a *mesh.Admin, doc layout.Document, res admin.Result) error {
	done := resultOf(doc, res)
	if err := r.show(cmd.OutOrStdout(), []applied{done}); err != nil {
		return err
	}
	return warnOfRefusals(ctx, a, doc, &done, cmd.ErrOrStderr())
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

// promote and abort end a canary.
func (r *rulesRun) promote() *cobra.Command {
	var force bool
	cmd := r.canaryEnd("promote", "Bring the canary into force on all instances",
		"Bring the canary of a document into force on all instances. One that an instance could not adopt is only promoted with --force.",
		func(ctx context.Context, docs *admin.Documents, name string) (admin.Result, error) {
			return docs.Promote(ctx, name, authorOr(r.author), r.comment, force)
		})
	cmd.Flags().BoolVar(&force, "force", false, "though an instance could not adopt it")
	return cmd
}

func (r *rulesRun) abort() *cobra.Command {
	return r.canaryEnd("abort", "End the canary: all instances run what is in force",
		"End the canary of a document: all instances run what is in force. The version of the canary stays in the history.",
		func(ctx context.Context, docs *admin.Documents, name string) (admin.Result, error) {
			return docs.Abort(ctx, name, authorOr(r.author), r.comment)
		})
}

func (r *rulesRun) canaryEnd(verb, short, long string, end func(context.Context, *admin.Documents, string) (admin.Result, error)) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " (DATABASE | --users | --routes)", Short: short, Long: long, Args: cobra.MaximumNArgs(1)}
	r.usersFlag(cmd)
	cmd.Flags().StringVar(&r.author, "author", "", "who makes the change (default: the user)")
	cmd.Flags().StringVar(&r.comment, "comment", "", "why")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doc, err := r.document(args)
		if err != nil {
			return err
		}
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			res, err := end(ctx, a.Of(doc.Kind), doc.Name)
			if err != nil {
				return err
			}
			return r.tell(ctx, cmd, a, doc, res)
		})
	}
	return cmd
}

func (r *rulesRun) drop() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "drop (DATABASE | --users | --routes)",
		Short: "End a document; its history stays",
		Long: "End a document; its history stays. Instances go on without the logical database. For rules this is a change of\n" +
			"placement of all its tables: it goes through the barrier, and wants --force-placement.",
		Args: cobra.MaximumNArgs(1),
	}
	r.usersFlag(cmd)
	r.changeFlags(cmd)
	cmd.Flags().BoolVar(&force, "force-placement", false, "nobody needs the rows by this document any more")
	yesFlag(cmd, &r.yes)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doc, err := r.document(args)
		if err == nil && doc.Kind == layout.Rules && !force {
			err = orphans{fmt.Sprintf("%s: clients would not find any of its tables; give --force-placement if that is meant", doc)}
		}
		if err == nil {
			err = confirm(cmd, r.yes, fmt.Sprintf("%s ends, and clients do not find any of its tables", doc))
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
