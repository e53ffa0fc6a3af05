package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/importer"
)

// imported is what `heddle rules import` has made, as programs read it.
type imported struct {
	Documents string          `json:"documents"`
	Notes     []importer.Note `json:"notes"`
}

func (r *rulesRun) imports() *cobra.Command {
	var from string
	var types, shards []string
	o := importer.Options{Types: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "import --from SOURCE FILE…",
		Short: "Make documents of the configuration of another sharding proxy",
		Long: "Read what another sharding proxy is configured by and print documents of rules and users, and on standard error a report:\n" +
			"which tables are placed otherwise, so that their rows have to be moved, what has no equal here, what is left to do by\n" +
			"hand, and which tables are placed alike. Nothing is connected to, and nothing is applied.",
		Args: cobra.MinimumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", strings.Join(importer.Sources(), ", "))
	f.StringVar(&o.Database, "database", "", "the logical database of files that name none")
	f.StringArrayVar(&types, "types", nil, "type of a column, as in orders.user_id=bigint; repeatable")
	f.StringArrayVar(&shards, "shard", nil, "vitess: range and address of a shard, as in -80=10.0.0.1:3306; repeatable")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, t := range types {
			name, typ, ok := strings.Cut(t, "=")
			if !ok || !strings.Contains(name, ".") {
				return fmt.Errorf("--types wants table.column=TYPE, not %q", t)
			}
			o.Types[name] = typ
		}
		for _, s := range shards {
			keys, address, ok := strings.Cut(s, "=")
			if !ok {
				return fmt.Errorf("--shard wants RANGE=HOST:PORT, not %q", s)
			}
			o.Servers = append(o.Servers, importer.Server{Shard: keys, Address: address})
		}
		var texts [][]byte
		for _, path := range args {
			text, err := readFile(path, cmd.InOrStdin())
			if err != nil {
				return err
			}
			texts = append(texts, text)
		}
		res, err := importer.Import(from, texts, o)
		if err != nil {
			return err
		}
		out := imported{documentsOf(res), res.Notes}
		return r.out.print(cmd.OutOrStdout(), out, func(w io.Writer) error {
			if _, err := io.WriteString(w, out.Documents); err != nil {
				return err
			}
			t := newTable("", "what", "")
			t.SetColumnConfigs([]table.ColumnConfig{{Number: 3, WidthMax: 90, WidthMaxEnforcer: text.WrapSoft}})
			for _, n := range out.Notes {
				t.AppendRow([]any{n.Level, n.What, n.Text})
			}
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), t.Render())
			if _, problems := rule.ParseFile([]byte(out.Documents)); err == nil && len(problems) > 0 {
				err = fmt.Errorf("the documents want some work before they can be applied:\n%w", problems)
			}
			return err
		})
	}
	return cmd
}

func documentsOf(res *importer.Result) string {
	var parts []string
	for _, d := range res.Documents {
		parts = append(parts, string(d.Marshal()))
	}
	if res.Users != nil {
		parts = append(parts, string(res.Users.Marshal()))
	}
	return strings.Join(parts, "---\n")
}
