package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of documents, for editors to complete and check by",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := rule.JSONSchema()
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
			}
			return err
		},
	}
}

// exported is one document as programs read it.
type exported struct {
	Document string `json:"document"`
	Version  int64  `json:"version"`
	Text     string `json:"text"`
}

func (r *rulesRun) export() *cobra.Command {
	return &cobra.Command{
		Use:   "export [DATABASE…]",
		Short: "Print the documents in force, all or some, as one file that apply takes",
		Long: "Print the documents in force as their authors wrote them, separated by ---, so that `heddle rules apply -f` takes the output:\n" +
			"all, the users among them, or those of the databases that are named.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
				all, err := export(ctx, a, args)
				if err != nil {
					return err
				}
				return r.out.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
					for _, d := range all {
						if _, err := fmt.Fprintf(w, "--- # %s, version %d\n%s", d.Document, d.Version, ended(d.Text)); err != nil {
							return err
						}
					}
					return nil
				})
			})
		},
	}
}

// ended is a text whose last line is ended.
func ended(text string) string {
	if text == "" || text[len(text)-1] != '\n' {
		text += "\n"
	}
	return text
}

func export(ctx context.Context, a *mesh.Admin, databases []string) ([]exported, error) {
	out := []exported{}
	for _, kind := range mesh.Kinds() {
		names, err := a.Of(kind).Names(ctx)
		switch {
		case err != nil:
			return nil, err
		case len(databases) > 0 && kind == layout.Rules:
			names = databases
		case len(databases) > 0:
			names = nil
		}
		for _, name := range names {
			active, err := a.Of(kind).Get(ctx, name)
			if errors.Is(err, admin.ErrNotFound) && len(databases) == 0 {
				continue // dropped meanwhile
			}
			if err != nil {
				return nil, err
			}
			out = append(out, exported{layout.Document{Kind: kind, Name: name}.String(), active.Pointer.Version, active.Version.Text})
		}
	}
	return out, nil
}
