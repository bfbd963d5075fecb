# Evaluates suite.pm files for mtr-rs. Reads requests from standard input, one to a line, fields
# separated by tabs, special bytes written as %XX; answers each with one line of JSON on standard
# output. Bytes above 127 travel as the code points of the same number, in both directions.
#
# The packages below stand for those that a suite.pm expects to find in its runner. Only modules
# of a minimal perl are used.

use strict;
use warnings;

# The protocol has the descriptors to itself: a suite.pm, or a program it calls, may print and read.
open(my $requests, '<&', \*STDIN) or die "cannot keep standard input: $!";
open(my $answers, '>&', \*STDOUT) or die "cannot keep standard output: $!";
open(STDIN, '<', '/dev/null') or die "cannot open /dev/null: $!";
open(STDOUT, '>&', \*STDERR) or die "cannot redirect standard output: $!";
binmode($_) for $requests, $answers;
{ my $old = select($answers); $| = 1; select($old); }

# ---- what a suite.pm finds in main ------------------------------------------------------------

our (%mysqld_variables, @global_suppressions);
our ($opt_embedded_server, $opt_verbose, $opt_ssl, $opt_ps_protocol, $opt_cursor_protocol);
our ($opt_valgrind, $opt_vardir, $basedir, $bindir, $plugindir, $multiconfig, $path_client_bindir);
our ($path_current_testlog, $baseport, $glob_mysql_test_dir, $extern);

sub using_extern { $extern }
sub mtr_report { push @Bridge::messages, join(' ', @_); }
sub mtr_print { mtr_report(@_) }
sub mtr_verbose { mtr_report(@_) if $opt_verbose }
sub mtr_verbose2 { mtr_report(@_) if $opt_verbose && $opt_verbose > 1 }
sub mtr_debug { }
sub mtr_warning { mtr_report('WARNING:', @_) }
sub mtr_error { my $text = join(' ', @_); chomp $text; die "$text\n" }
sub mtr_milli_sleep { select(undef, undef, undef, $_[0] / 1000) }
sub mtr_init_args { ${ $_[0] } = [] }
sub mtr_add_arg { my ($args, $format, @values) = @_; push @$args, sprintf($format, @values) }
sub mtr_file_exists { for my $path (@_) { return $path if -e $path } '' }
sub mtr_exe_maybe_exists { for my $path (@_) { return $path if -x $path && !-d _ } '' }

# Where a compiler on Windows puts programs, which is nowhere here; 10.5's TokuDB asks for it.
sub vs_config_dirs { () }
sub native_path { $_[0] }

sub mtr_exe_exists {
  my $path = mtr_exe_maybe_exists(@_);
  return $path if $path ne '';
  mtr_error("Could not find any of " . join(' ', @_));
}

sub mkpath {
  for my $path (grep { !ref && length } @_) {
    my $done = $path =~ m{^/} ? '' : '.';
    for my $part (grep { length } split m{/}, $path) {
      $done .= "/$part";
      mkdir $done or -d $done or die "cannot make directory $done: $!\n";
    }
  }
}

sub copy { system('cp', $_[0], $_[1]) == 0 }

# ---- what it imports ----------------------------------------------------------------------------

package Bridge;

our (@messages, @spawned);

# Makes `use PACKAGE` import NAMES, as if the package had been loaded from a file.
sub provide {
  my ($package, @names) = @_;
  (my $file = "$package.pm") =~ s{::}{/}g;
  $INC{$file} = __FILE__;
  no strict 'refs';
  *{"${package}::import"} = sub {
    my $target = caller;
    *{"${target}::$_"} = \&{"${package}::$_"} for @names;
  };
}

{
  package My::Suite;
  sub new { bless {}, ref $_[0] || $_[0] }
  sub is_default { 0 }
  sub config_files { () }
  sub servers { () }
  sub skip_combinations { () }
  sub list_cases { () }
  sub start_test { }
}
{
  package My::Platform;
  sub IS_WINDOWS () { 0 }
  sub IS_WIN32PERL () { 0 }
  sub IS_CYGWIN () { 0 }
  sub IS_MSYS () { 0 }
  sub IS_AIX () { $^O eq 'aix' }
  sub IS_MAC () { $^O eq 'darwin' }
  sub IS_FREEBSD () { $^O eq 'freebsd' }
  sub native_path { $_[0] }
  sub posix_path { $_[0] }
  sub mixed_path { $_[0] }
}
{
  package My::Find;
  sub NOT_REQUIRED () { 0 }
  sub list { ref $_[0] ? @{ $_[0] } : $_[0] }

  # Every path made of BASE, one of the directories, one of the build types, one of the names.
  sub paths {
    my ($base, $dirs, $names) = @_;
    my $build = $ENV{MTR_BUILD_DIR};
    my @types = ('', $::multiconfig ? substr($::multiconfig, 1)
                   : defined $build ? $build : qw(Release Relwithdebinfo Debug));
    my @all;
    for my $type (@types) {
      for my $dir (list($dirs)) {
        my $full = join '/', grep { defined && length } $base, $dir, $type;
        push @all, map { length ? "$full/$_" : $full } list($names);
      }
    }
    return map { /[*?\[]/ ? glob : $_ } @all;
  }

  sub found {
    my ($test, $required, @paths) = @_;
    my @found = grep { $test->() } @paths;
    main::mtr_error('Could not find any of ' . join(' ', @paths))
      if !@found && (!defined $required || $required);
    return wantarray ? @found : @found ? $found[0] : '';
  }

  sub my_find_bin { my ($b, $d, $n, $r) = @_; scalar found(sub { -x && !-d _ }, $r, paths($b, $d, $n)) }
  sub my_find_file { my ($b, $d, $n, $r) = @_; scalar found(sub { -e }, $r, paths($b, $d, $n)) }
  sub my_find_dir { my ($b, $d, $n, $r) = @_; found(sub { -d }, $r, paths($b, $d, defined $n ? $n : '')) }
}
{
  package My::SysInfo;
  sub new { bless {}, shift }
  sub num_cpus { my $n = () = cpus(); $n || 1 }
  sub cpus { open(my $info, '<', '/proc/cpuinfo') or return (); grep { /^processor\s*:/ } <$info> }
  sub min_bogomips { 0 }
  sub isvm { 0 }
  sub print_info { }
}
{
  # Programs are not started here: what would be started is noted for the runner.
  package My::SafeProcess;
  our @safe_process_cmd;
  sub new {
    my ($class, %options) = @_;
    my $args = $options{args};
    $args = $$args while ref $args eq 'REF';
    push @Bridge::spawned, [ $options{path}, $args ? @$args : () ];
    return bless { name => $options{name} }, $class;
  }
}
{
  package My::File::Path;
  sub mkpath { main::mkpath(@_) }
  sub copytree { system('cp', '-R', @_) == 0 }
}
{
  package mtr_report;
  no strict 'refs';
  *{$_} = \&{"main::$_"} for qw(mtr_report mtr_print mtr_verbose mtr_verbose2 mtr_debug mtr_warning mtr_error);
}

provide('My::Suite');
provide('My::Platform', qw(IS_WINDOWS IS_WIN32PERL IS_CYGWIN IS_MSYS IS_AIX IS_MAC IS_FREEBSD
                           native_path posix_path mixed_path));
provide('My::Find', qw(my_find_bin my_find_file my_find_dir NOT_REQUIRED));
provide('My::SysInfo');
provide('My::SafeProcess');
provide('My::File::Path', qw(mkpath copytree));
provide('mtr_report', qw(mtr_report mtr_print mtr_verbose mtr_verbose2 mtr_debug mtr_warning mtr_error));

# Some distributions split Memoize from perl itself; this is enough of it.
push @INC, sub {
  my ($self, $file) = @_;
  return unless $file eq 'Memoize.pm';
  my $source = <<'MEMOIZE';
package Memoize;
use strict;
sub import { no strict 'refs'; *{ caller() . '::memoize' } = \&memoize }
sub memoize {
  my $name = caller() . "::$_[0]";
  no strict 'refs';
  no warnings 'redefine';
  my ($function, %known) = \&$name;
  *$name = sub {
    my $key = join chr(28), map { defined() ? $_ : '' } @_;
    return exists $known{$key} ? $known{$key} : ($known{$key} = $function->(@_));
  };
}
1;
MEMOIZE
  return \$source;
};

# ---- answers ------------------------------------------------------------------------------------

sub text {
  my ($bytes) = @_;
  return 'null' unless defined $bytes;
  my $text = "$bytes";
  utf8::encode($text) if utf8::is_utf8($text);
  $text =~ s{([^ !#-\[\]-~])}{ sprintf '\\u%04x', ord $1 }ge;
  return "\"$text\"";
}
sub array { '[' . join(',', @_) . ']' }
sub texts { array(map { text($_) } @_) }
sub object {
  my @pairs;
  while (my ($name, $value) = splice @_, 0, 2) { push @pairs, text($name) . ":$value" }
  return '{' . join(',', @pairs) . '}';
}
sub flag { $_[0] ? 'true' : 'false' }

# The changes of %ENV since the last call: [name, value or null].
my %environment = %ENV;
sub environment_changes {
  my @changes;
  for my $name (sort keys %{ { %environment, %ENV } }) {
    my ($old, $new) = ($environment{$name}, $ENV{$name});
    next if defined $old ? defined $new && $old eq $new : !defined $new;
    push @changes, texts($name, $new);
  }
  %environment = %ENV;
  return @changes;
}

# Whether the suite has its own METHOD.
sub overrides {
  my ($suite, $method) = @_;
  my ($own, $default) = ($suite->can($method), My::Suite->can($method));
  return $own && $own != $default;
}

# The commands that the suite's own start_test would start: [name, program, arguments ...].
sub commands {
  my ($suite, $name, @cases) = @_;
  my @commands;
  for my $case (@cases) {
    @spawned = ();
    my $test = { shortname => $case, name => "$name.$case", suite => $suite };
    eval { $suite->start_test($test); 1 } or next;
    push @commands, texts($case, @{ $spawned[0] }) if @spawned;
  }
  return @commands;
}

sub load {
  my ($name, $file, $tests) = @_;
  my $suite = do $file;
  die $@ if $@;
  return (skip => text($suite)) unless ref $suite;

  # Unblessed, or blessed into a package without @ISA: only its own methods are there.
  my $class = ref $suite;
  $suite = bless { %$suite }, 'My::Suite' if $class eq 'HASH';
  unless ($suite->isa('My::Suite')) { no strict 'refs'; push @{"${class}::ISA"}, 'My::Suite' }

  my @skips;
  my @rules = $suite->skip_combinations;
  while (my ($path, $rule) = splice @rules, 0, 2) {
    push @skips, array(text($path), ref $rule ? texts(@$rule) : text($rule));
  }
  my @cases = overrides($suite, 'list_cases') ? $suite->list_cases($tests) : ();
  return (
    default => flag(scalar $suite->is_default),
    skips => array(@skips),
    cases => overrides($suite, 'list_cases') ? texts(@cases) : 'null',
    commands => array(overrides($suite, 'start_test') ? commands($suite, $name, @cases) : ()),
    extras => texts(grep { overrides($suite, $_) } qw(config_files servers start_test)),
  );
}

# ---- requests -----------------------------------------------------------------------------------

$SIG{__WARN__} = sub { };
$SIG{PIPE} = 'DEFAULT';

while (defined(my $line = readline $requests)) {
  chomp $line;
  my ($verb, @fields) = split /\t/, $line, -1;
  s/%([0-9A-F]{2})/chr hex $1/ge for @fields;
  if ($verb eq 'scalar') {
    no strict 'refs';
    ${"main::$fields[0]"} = $fields[1];
  } elsif ($verb eq 'variable') {
    $::mysqld_variables{ $fields[0] } = $fields[1];
  } elsif ($verb eq 'safe_process') {
    @My::SafeProcess::safe_process_cmd = ($fields[0]);
  } elsif ($verb eq 'suite') {
    @messages = ();
    my $known = @::global_suppressions;
    my @answer;
    eval { @answer = load(@fields); 1 } or @answer = (error => text($@));
    print {$answers} object(
      @answer,
      env => array(environment_changes()),
      suppressions => texts(@::global_suppressions[ $known .. $#::global_suppressions ]),
      messages => texts(@messages),
    ), "\n";
  }
}
