package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

func validateCommand(out *output) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Find every mistake in files of documents, without connecting to anything",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file of documents, separated by ---; - is standard input; repeatable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(files) == 0 {
			return errors.New("which file? give -f FILE")
		}
		var all []rule.Problem
		var docs []*rule.Document
		var errs []error
		for _, path := range files {
			text, err := readFile(path, cmd.InOrStdin())
			if err != nil {
				return err
			}
			f, err := mesh.ParseFile(text)
			problems := problemsOf(err)
			all, docs = append(all, problems...), append(docs, f.Documents...)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s\n%w", path, counted(len(problems), "problem"), err))
			}
		}
		if len(errs) == 0 && len(files) > 1 {
			if problems := rule.ValidateTogether(docs); len(problems) > 0 {
				all, errs = append(all, problems...), append(errs, problems)
			}
		}
		err := errors.Join(errs...)
		if err != nil && out.format != "json" {
			return err
		}
		return errors.Join(out.print(cmd.OutOrStdout(), append([]rule.Problem{}, all...), func(w io.Writer) error {
			fmt.Fprintln(w, "valid")
			for _, d := range docs {
				if note := rule.UnreadReplicas(d.DataSources); note != "" && d.Splitting == nil {
					fmt.Fprintln(w, "note:", note)
				}
			}
			return nil
		}), err)
	}
	return cmd
}

// problemsOf are the problems in an error of mesh.ParseFile, those of routes as the others are.
func problemsOf(err error) []rule.Problem {
	var problems rule.Problems
	if errors.As(err, &problems) {
		problems = slices.Clone(problems)
	}
	var walk func(err error)
	walk = func(err error) {
		switch e := err.(type) {
		case route.Problem:
			problems = append(problems, rule.Problem{Line: e.Line, Column: e.Column, Message: e.Message})
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
	return problems
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
