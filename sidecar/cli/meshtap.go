package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

func tapCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tap", Short: "Show calls as they end, of the instance on this machine", Args: cobra.NoArgs,
		Long: "Show calls as they end, of the instance on this machine, until it is interrupted; with -o json each is a line. Calls do not wait for it: where they come\n" +
			"faster than they are read, it says how many it has not shown. It is asked at admin.address (of --config, HEDDLE_ADMIN_ADDRESS or --admin), which\n" +
			"tells this to clients on the same machine only. Queries, other fields and bodies are not shown.",
	}
	admin := cmd.Flags().String("admin", "", "admin.address of the instance (host:port)")
	count := cmd.Flags().Int("count", 0, "end after so many calls; 0: never")
	f := &observe.TapFilter{}
	cmd.Flags().StringVar(&f.Route, "route", "", "only calls of this route")
	cmd.Flags().StringVar(&f.Cluster, "cluster", "", "only calls for this cluster")
	cmd.Flags().StringVar(&f.Endpoint, "endpoint", "", "only calls that this server had (host:port)")
	cmd.Flags().StringVar(&f.Identity, "identity", "", "only calls of a client with this identity (spiffe://…)")
	cmd.Flags().StringVar(&f.Method, "method", "", "only calls with this method")
	cmd.Flags().StringVar(&f.Path, "path", "", "only calls whose path begins so")
	cmd.Flags().StringVar(&f.Status, "status", "", "only calls with this status (503), of this class (5xx), or failed: 5xx, or the client was told nothing")
	cmd.Flags().DurationVar(&f.Slower, "slower", 0, "only calls that took at least so long")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.Check(); err != nil {
			return fmt.Errorf("--status: %w", err)
		}
		c, err := load()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = tapCalls(ctx, cmp.Or(*admin, c.Admin.Address), f, func(line []byte) (more bool, err error) {
			var one observe.Tapped
			if err := json.Unmarshal(line, &one); err != nil {
				return false, fmt.Errorf("read a call: %w", err)
			}
			if out.format == "json" {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line)
			} else {
				err = printTapped(cmd.OutOrStdout(), &one)
			}
			if one.Missed == 0 {
				*count--
			}
			return *count != 0, err
		})
		if ctx.Err() != nil { // it was interrupted, as it is to be
			return nil
		}
		return err
	}
	return cmd
}

// tapCalls has each line be shown that the instance tells, until that wants no more.
func tapCalls(ctx context.Context, address string, f *observe.TapFilter, show func(line []byte) (more bool, err error)) error {
	if address == "" {
		return errors.New("admin.address is empty: the instance tells nothing")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/mesh/tap?"+f.Query().Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask for calls: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for calls: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1024)) // it only explains the status
		return fmt.Errorf("ask for calls: %s: %s", res.Status, text)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20) // of a path as long as heads may be
	for lines.Scan() {
		if more, err := show(lines.Bytes()); err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	return errors.New("the instance has ended, and tells nothing more")
}

// printTapped prints a call in a line: when it began, its status, how long it took, what it was, who had it, and what was wrong.
func printTapped(w io.Writer, t *observe.Tapped) error {
	if t.Missed > 0 {
		_, err := fmt.Fprintf(w, "… %d calls that came faster than they were read\n", t.Missed)
		return err
	}
	line := fmt.Sprintf("%s  %3d %8s  %s %s%s", t.At.Local().Format("15:04:05.000"), t.Status, short(t.Took), shown(t.Method), shown(t.Host), shown(t.Path))
	for _, more := range [...]struct{ name, value string }{
		{"route", t.Route}, {"cluster", t.Cluster}, {"server", t.Endpoint}, {"client", t.Client}, {"identity", t.Identity}, {"code", t.Code}, {"shed", t.Shed},
	} {
		if more.value != "" {
			line += "  " + more.name + "=" + shown(more.value)
		}
	}
	if t.Retries > 0 {
		line += fmt.Sprintf("  retries=%d", t.Retries)
	}
	if t.Hedged {
		line += "  hedged"
	}
	if t.Delayed > 0 {
		line += "  delayed=" + short(t.Delayed)
	}
	if t.Aborted {
		line += "  aborted"
	}
	if t.Why != "" {
		line += "  " + shown(t.Why)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// shown is a text that came from outside, quoted where it could do something to a terminal.
func shown(text string) string {
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}
