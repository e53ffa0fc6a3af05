package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// kindStatus is what is in force of a kind, and what the living instances run of it.
type kindStatus struct {
	Kind      string             `json:"kind"`
	Active    map[string]inForce `json:"active"`
	Instances []instanceStatus   `json:"instances"`
}

// inForce is the pointer of a document; of one that was dropped, it points to the version that says so.
type inForce struct {
	layout.Pointer
	Dropped bool `json:"dropped,omitempty"`
}

// instanceStatus is what one living instance runs; Behind says why it does not run what is in force.
type instanceStatus struct {
	layout.Status
	Behind map[string]string `json:"behind,omitempty"`
}

// errBehind is an instance that does not run what is in force.
var errBehind = errors.New("not every instance runs what is in force")

func (r *rulesRun) status() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is in force, and what each living instance runs",
		Long: "Show what is in force, what runs as a canary, and what each living instance runs, or why it does not.\n" +
			"With --wait, exit code 6 says that not every instance ran what is in force within that time.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long until every living instance runs what is in force")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return r.run(cmd, func(ctx context.Context, a *mesh.Admin) error {
			all, behind, err := statusOf(ctx, a)
			for until := time.Now().Add(wait); err == nil && behind && time.Now().Before(until); {
				if err = pause(ctx, 50*time.Millisecond); err == nil {
					all, behind, err = statusOf(ctx, a)
				}
			}
			if err == nil {
				err = r.out.print(cmd.OutOrStdout(), all, func(w io.Writer) error { return showStatus(w, all) })
			}
			if err == nil && behind && wait > 0 {
				err = errBehind
			}
			return err
		})
	}
	return cmd
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// statusOf reads the state of all kinds of documents, and whether an instance is behind.
func statusOf(ctx context.Context, a *mesh.Admin) (all []kindStatus, behind bool, err error) {
	for _, kind := range mesh.Kinds() {
		pointers, instances, err := a.Of(kind).Status(ctx)
		if err != nil {
			return nil, false, err
		}
		k := kindStatus{Kind: kind, Active: map[string]inForce{}, Instances: []instanceStatus{}}
		for name, p := range pointers {
			v, err := a.Of(kind).GetVersion(ctx, name, p.Version)
			if err != nil {
				return nil, false, err
			}
			k.Active[name] = inForce{p, v.Dropped}
		}
		for _, i := range instances {
			k.Instances = append(k.Instances, instanceStatus{i.Status, i.Behind})
			behind = behind || len(i.Behind) > 0
		}
		all = append(all, k)
	}
	return all, behind, nil
}

func showStatus(w io.Writer, all []kindStatus) error {
	t := newTable("document", "in force", "since", "by", "instance", "runs", "state")
	for _, k := range all {
		for _, name := range slices.Sorted(maps.Keys(k.Active)) {
			p := k.Active[name]
			doc := layout.Document{Kind: k.Kind, Name: name}.String()
			if p.Dropped {
				showDropped(t, doc, name, &k)
				continue
			}
			if len(k.Instances) == 0 {
				t.AppendRow([]any{doc, p.Version, when(p.Time), p.By, "", "", "no instance is alive"})
			}
			for _, i := range k.Instances {
				t.AppendRow([]any{doc, p.Version, when(p.Time), p.By, i.Instance, i.Documents[name].Version, state(i, name, &p)})
			}
		}
		for _, i := range k.Instances {
			for _, name := range slices.Sorted(maps.Keys(i.Behind)) {
				if _, ok := k.Active[name]; !ok {
					doc := layout.Document{Kind: k.Kind, Name: name}.String()
					t.AppendRow([]any{doc, "none", "", "", i.Instance, i.Documents[name].Version, i.Behind[name]})
				}
			}
		}
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// showDropped tells of a document that was dropped as long as an instance serves it: then it is in force nowhere.
func showDropped(t table.Writer, doc, name string, k *kindStatus) {
	p := k.Active[name]
	for _, i := range k.Instances {
		if why, behind := i.Behind[name]; behind {
			t.AppendRow([]any{doc, "dropped", when(p.Time), p.By, i.Instance, i.Documents[name].Version, why})
		}
	}
}

func state(i instanceStatus, name string, p *inForce) string {
	if why, behind := i.Behind[name]; behind {
		return why
	}
	if p.Canary != nil && p.Canary.Version == i.Documents[name].Version {
		return fmt.Sprintf("tries it as the canary %s of %s, from the %s", p.Canary, p.Canary.By, i.Source)
	}
	return "runs it, from the " + i.Source
}
