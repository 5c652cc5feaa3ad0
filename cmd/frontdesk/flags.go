package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/line-frontdesk/frontdesk/server"
)

// argValue is a flag whose help shows what it takes.
type argValue struct {
	arg  string // as it is shown: "address"
	text *string
}

func (v argValue) String() string {
	if v.text == nil {
		return "" // pflag asks a zero value
	}
	return *v.text
}
func (v argValue) Set(text string) error { *v.text = text; return nil }
func (v argValue) Type() string          { return v.arg }

// twin marks the flags that have a variable of their own name.
const twin = "frontdesk_twin"

// textFlag adds a flag with a twin variable. arg says what it takes, in
// capitals.
func textFlag(cmd *cobra.Command, into *string, name, arg, def, usage string) {
	*into = def
	cmd.Flags().Var(argValue{arg, into}, name, usage)
	withTwin(cmd, name)
}

// boolFlag adds a flag with a twin variable.
func boolFlag(cmd *cobra.Command, into *bool, name, usage string) {
	cmd.Flags().BoolVar(into, name, false, usage)
	withTwin(cmd, name)
}

// withTwin lets a variable set the flag.
func withTwin(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		f.Annotations = map[string][]string{twin: nil}
	}
}

func twinName(f *pflag.Flag) string {
	return "FRONTDESK_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// environment is the environment variables, and which of them mean anything.
type environment struct {
	list []string
	root *cobra.Command
}

// get returns a variable, "" when it is not set.
func (e *environment) get(name string) string {
	for _, pair := range slices.Backward(e.list) {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

// apply sets the flags of a command that were not given from their twins.
func (e *environment) apply(cmd *cobra.Command) error {
	var fault error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, ok := f.Annotations[twin]; !ok || f.Changed || fault != nil {
			return
		}
		if text := e.get(twinName(f)); text != "" {
			if err := cmd.Flags().Set(f.Name, text); err != nil {
				fault = usageErrorf("%s: %w", twinName(f), err)
			}
		}
	})
	return fault
}

// twins returns the variables of all flags of all commands.
func (e *environment) twins() []string {
	names := map[string]bool{}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, ok := f.Annotations[twin]; ok {
				names[twinName(f)] = true
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(e.root)
	var list []string
	for name := range names {
		list = append(list, name)
	}
	return list
}

// settingFlags are flags for settings: their variables and keys of the file
// are read by server.LoadConfig.
type settingFlags struct {
	flags    *pflag.FlagSet
	settings []server.Setting
}

// addSettings adds flags for settings. The defaults are those that the help
// shows.
func addSettings(cmd *cobra.Command, settings ...server.Setting) *settingFlags {
	for _, s := range settings {
		text := s.Default
		if s.Arg == "" { // a switch: given without a value it is on
			cmd.Flags().Var(argValue{"bool", &text}, s.Flag(), s.Usage)
			cmd.Flags().Lookup(s.Flag()).NoOptDefVal = "true"
			continue
		}
		cmd.Flags().Var(argValue{s.Arg, &text}, s.Flag(), s.Usage)
	}
	return &settingFlags{cmd.Flags(), settings}
}

// given returns the values of the flags that were given, by key.
func (f *settingFlags) given() map[string]string {
	given := map[string]string{}
	for _, s := range f.settings {
		if flag := f.flags.Lookup(s.Flag()); flag.Changed {
			given[s.Key] = flag.Value.String()
		}
	}
	return given
}

// pick returns the settings with the given keys, in that order.
func pick(settings []server.Setting, keys ...string) []server.Setting {
	var picked []server.Setting
	for _, key := range keys {
		i := slices.IndexFunc(settings, func(s server.Setting) bool { return s.Key == key })
		picked = append(picked, settings[i]) // a key that is not there is a bug and panics in every test
	}
	return picked
}

// configFlag adds --config.
func configFlag(cmd *cobra.Command, into *string) {
	textFlag(cmd, into, "config", "FILE", "", "configuration file (YAML); see 'frontdesk config default'")
}
