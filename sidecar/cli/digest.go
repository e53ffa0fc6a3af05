package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

func digestCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "digest", Short: "Look at what a running instance has counted of statements by their shape"}
	out := outputFlag(cmd)
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return out.check() }
	cmd.AddCommand(digestTopCommand(out))
	return cmd
}

// orders are what digests can be sorted by, largest first.
var orders = map[string]func(r digest.Row) float64{
	"time":    func(r digest.Row) float64 { return float64(r.Total) },
	"count":   func(r digest.Row) float64 { return float64(r.Count) },
	"errors":  func(r digest.Row) float64 { return float64(r.Errors) },
	"p99":     func(r digest.Row) float64 { return float64(r.P99) },
	"shipped": func(r digest.Row) float64 { return float64(r.Shipped) },
	"shards":  func(r digest.Row) float64 { return float64(r.Shards) / float64(max(r.Count, 1)) },
	"last":    func(r digest.Row) float64 { return float64(r.Last.UnixNano()) },
}

func digestTopCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "List the statements that took most time in all, by shape, of the instance on this machine",
		Long: "List the statements that took most time in all, by shape, of the instance on this machine: texts without values.\n" +
			"It is asked at admin.address, which tells this to clients on the same machine only.",
		Args: cobra.NoArgs,
	}
	_, load := configFlags(cmd)
	by := cmd.Flags().String("by", "time", "time, count, errors, p99, shipped, shards (per execution) or last")
	limit := cmd.Flags().Int("limit", 20, "most lines; 0: all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		order := orders[*by]
		if order == nil {
			return fmt.Errorf("--by is time, count, errors, p99, shipped, shards or last, not %q", *by)
		}
		c, err := load()
		if err != nil {
			return err
		}
		found, err := readDigests(cmd.Context(), c)
		if err != nil {
			return err
		}
		slices.SortStableFunc(found.Digests, func(a, b digest.Row) int { return cmp.Compare(order(b), order(a)) })
		if *limit > 0 && len(found.Digests) > *limit {
			found.Digests = found.Digests[:*limit]
		}
		return out.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return printDigests(w, found) })
	}
	return cmd
}

// readDigests asks a running instance.
func readDigests(ctx context.Context, c *config.Config) (*observe.Digests, error) {
	var found observe.Digests
	if err := askAdmin(ctx, c.Admin.Address, "/digests", &found); err != nil {
		return nil, err
	}
	return &found, nil
}

// askAdmin reads what the instance at an admin.address answers at a path.
func askAdmin(ctx context.Context, address, path string, into any) error {
	return callAdmin(ctx, http.MethodGet, address, path, "", into)
}

// callAdmin is askAdmin by any method, with a body.
func callAdmin(ctx context.Context, method, address, path, body string, into any) error {
	if address == "" {
		return errors.New("admin.address is empty: the instance tells nothing")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1024)) // it only explains the status
		return fmt.Errorf("ask for %s: %s: %s", path, res.Status, text)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

func printDigests(w io.Writer, found *observe.Digests) error {
	t := newTable("digest", "schema", "count", "errors", "total", "p50", "p99", "p999", "shards", "shipped", "returned", "planning", "last seen", "text")
	for _, r := range found.Digests {
		text := r.Text
		if len(text) > 100 {
			text = text[:100] + "…"
		}
		t.AppendRow([]any{
			r.Digest, r.Schema, r.Count, r.Errors, short(r.Total), short(r.P50), short(r.P99), short(r.P999),
			fmt.Sprintf("%.1f", float64(r.Shards)/float64(max(r.Count, 1))), r.Shipped, r.Returned, short(r.Planning), when(r.Last), text,
		})
	}
	_, err := fmt.Fprintln(w, t.Render())
	if err == nil && found.Evicted > 0 {
		_, err = fmt.Fprintf(w, "%d shapes with %d executions have made room (digests.size)\n", found.Evicted, found.Dropped)
	}
	return err
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
