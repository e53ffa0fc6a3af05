package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

func dumpCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use: "dump", Short: "Print the document of routes by which the instance on this machine has calls go", Args: cobra.NoArgs,
		Long: "Print the document of routes by which the instance on this machine has calls go, as its author wrote it; where it comes from, its version, and since\n" +
			"when it is in force there are a line on standard error, and with -o json fields beside it. With --diff FILE it is how FILE differs from it.\n" +
			"It is asked at admin.address (of --config, HEDDLE_ADMIN_ADDRESS or --admin), which tells this to clients on the same machine only.",
	}
	address := cmd.Flags().String("admin", "", "admin.address of the instance (host:port)")
	file := cmd.Flags().String("diff", "", "show how this file of routes, which may hold rules and users too, differs from what is in force; - is standard input")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		d := &observe.RoutesDocument{}
		if err := askAdmin(cmd.Context(), cmp.Or(*address, c.Admin.Address), "/mesh/document", d); err != nil {
			return err
		}
		if *file != "" {
			return showDifference(cmd, d, *file, out)
		}
		if out.format != "json" {
			if _, err := fmt.Fprintln(cmd.ErrOrStderr(), provenance(d)+", in force here since "+when(d.Since)); err != nil {
				return err
			}
		}
		return out.print(cmd.OutOrStdout(), d, func(w io.Writer) error {
			_, err := io.WriteString(w, d.Text)
			return err
		})
	}
	return cmd
}

// showDifference prints how the routes of a file differ from those in force.
func showDifference(cmd *cobra.Command, d *observe.RoutesDocument, file string, out *output) error {
	parts, err := readParts([]string{file}, cmd.InOrStdin())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(parts, ofRoutes)
	if i < 0 {
		return errors.New(file + " has no routes")
	}
	before := d.Text
	if whole, err := mesh.Split([]byte(before)); err == nil { // as the file's was taken out of it: a line --- before it is none of the document
		if i := slices.IndexFunc(whole, ofRoutes); i >= 0 {
			before = string(whole[i].Text)
		}
	}
	diff := admin.Unified(provenance(d), file, before, string(parts[i].Text))
	return out.print(cmd.OutOrStdout(), map[string]string{parts[i].Document.String(): diff}, func(w io.Writer) error {
		_, err := io.WriteString(w, diff)
		return err
	})
}

func ofRoutes(p mesh.Part) bool { return p.Kind == layout.Routes }

// provenance says where a document comes from.
func provenance(d *observe.RoutesDocument) string {
	switch d.Source {
	case observe.RoutesFromFile:
		return d.File
	case observe.RoutesFromEtcd:
		return fmt.Sprintf("version %d of etcd", d.Version)
	case observe.RoutesFromCopy:
		return fmt.Sprintf("version %d of etcd, by the copy on the disk", d.Version)
	}
	return "no document"
}
