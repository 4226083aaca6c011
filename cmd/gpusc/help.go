package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how many columns the help has.
const helpWidth = 80

const exitHelp = `Exit status: 0 done; 1 error; 2 usage; 3 bad input; 4 resources (memory, disk,
device); 130 and 143 on signals.`

// titleKey is the annotation of a flag that says under which title it is listed.
const titleKey = "gpusc_title"

// titled lists the flags that have no title yet under one.
func titled(f *pflag.FlagSet, title string) {
	f.VisitAll(func(fl *pflag.Flag) {
		if fl.Annotations[titleKey] == nil {
			_ = f.SetAnnotation(fl.Name, titleKey, []string{title})
		}
	})
}

// help writes the help of a command: what it does, how it is called, two
// examples, the flags by what they belong to, the exit status.
func help(w io.Writer, c *cobra.Command) {
	var b strings.Builder
	what := c.Long
	if what == "" {
		what = c.Short
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(what), useLine(c))
	if c.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	for _, g := range c.Groups() {
		fmt.Fprintf(&b, "\n%s\n", g.Title)
		for _, s := range c.Commands() {
			if s.GroupID == g.ID && !s.Hidden {
				fmt.Fprintf(&b, "  %-11s %s\n", s.Name(), s.Short)
			}
		}
	}
	if len(c.Groups()) == 0 && c.HasSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, s := range c.Commands() {
			fmt.Fprintf(&b, "  %-11s %s\n", s.Name(), s.Short)
		}
	}
	flagHelp(&b, c)
	fmt.Fprintf(&b, "\n%s\n", exitHelp)
	if c.HasSubCommands() {
		b.WriteString("\n" + c.CommandPath() + " COMMAND --help tells more about a command.\n")
	}
	_, _ = io.WriteString(w, b.String())
}

func useLine(c *cobra.Command) string {
	if c.HasParent() {
		return c.Parent().CommandPath() + " " + c.Use + " [flags]"
	}
	return c.Use + " [flags]"
}

// flagHelp lists the flags under their titles, in the order of their definition.
func flagHelp(b *strings.Builder, c *cobra.Command) {
	var titles []string
	under := map[string][]*pflag.Flag{}
	wide := 0
	collect := func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		title := "Flags"
		if t := f.Annotations[titleKey]; t != nil {
			title = t[0]
		}
		if !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
		under[title] = append(under[title], f)
		wide = max(wide, len(flagName(f)))
	}
	every := c.Root().PersistentFlags()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if every.Lookup(f.Name) == nil {
			collect(f)
		}
	})
	every.VisitAll(collect)
	for _, t := range titles {
		fmt.Fprintf(b, "\n%s:\n", t)
		for _, f := range under[t] {
			word, usage := pflag.UnquoteUsage(f)
			usage = strings.TrimPrefix(usage, word+": ")
			if d := defaultWord(f); d != "" {
				usage += " (default " + d + ")"
			}
			fmt.Fprintf(b, "  %-*s  %s\n", wide, flagName(f), wrap(usage, wide+4))
		}
	}
}

// flagName is a flag as it is written, with a word for its value.
func flagName(f *pflag.Flag) string {
	s := "    --" + f.Name
	if f.Shorthand != "" {
		s = "-" + f.Shorthand + ", --" + f.Name
	}
	if word, _ := pflag.UnquoteUsage(f); word != "" {
		s += " " + word
	}
	return s
}

// defaultWord is the default where it says something.
func defaultWord(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "false", "[]":
		return ""
	}
	return strings.Trim(f.DefValue, "[]")
}

// wrap breaks words into lines that end before helpWidth, further lines begin
// at the column.
func wrap(s string, column int) string {
	var b strings.Builder
	at := column
	for i, w := range strings.Fields(s) {
		switch {
		case i == 0:
		case at+1+len(w) > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", column))
			at = column
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += len(w)
	}
	return b.String()
}

// newHelp is the command help.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "what a command does and its flags",
		Example: "  gpusc help\n  gpusc help run",
		RunE: func(_ *cobra.Command, a []string) error {
			c, rest, err := root.Find(a)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, a)
			}
			return c.Help()
		},
	}
}

// newCompletion writes a script by which a shell completes commands and flags.
func newCompletion(g *globals, root *cobra.Command) *cobra.Command {
	shells := map[string]func() error{
		"bash":       func() error { return root.GenBashCompletionV2(g.out, true) },
		"zsh":        func() error { return root.GenZshCompletion(g.out) },
		"fish":       func() error { return root.GenFishCompletion(g.out, true) },
		"powershell": func() error { return root.GenPowerShellCompletionWithDesc(g.out) },
	}
	return &cobra.Command{
		Use: "completion SHELL", Short: "a script that completes commands and flags in a shell",
		Long: `Writes a completion script for bash, zsh, fish or powershell to standard output.`,
		Example: `  source <(gpusc completion bash)
  gpusc completion zsh > "${fpath[1]}/_gpusc"`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      args(1, 1, "the name of a shell"),
		RunE: func(_ *cobra.Command, a []string) error {
			gen, ok := shells[a[0]]
			if !ok {
				return usageError("there is no completion for %q", a[0]).Do("use bash, zsh, fish or powershell")
			}
			return gen()
		},
	}
}
