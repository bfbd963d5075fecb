/*
  A daemon plugin of name NAME without anything to do, as the server's interface demands it; the tests compile it in
  variants, most of them unfit for the server in one way each.
*/

#ifndef NAME
#define NAME "dying"
#endif
#ifndef INTERFACE /* of plugins in general: major and minor version, a byte each */
#define INTERFACE 0x010d
#endif
#ifndef SERVER /* the version of the server that the plugin is for */
#define SERVER 101119
#endif
#ifndef MATURITY /* 1 experimental, 2 alpha, 3 beta, 4 gamma, 5 stable */
#define MATURITY 5
#endif

struct declaration
{
  int kind;
  void *info;
  const char *name, *author, *description;
  int license;
  int (*init)(void *);
  int (*deinit)(void *);
  unsigned version;
  void *status_variables, **system_variables;
  const char *version_info;
  unsigned maturity;
};

/* A number that can be read and not set. */
struct variable
{
  int flags;
  const char *name, *comment;
  void *check, *update;
  int *value;
  int initial, smallest, largest, step;
};

#ifdef NEEDS
extern int NEEDS(void);
#endif
#ifdef ALSO_NEEDS
extern int ALSO_NEEDS(void);
#endif

static int start(void *unused)
{
  (void) unused;
#ifdef NEEDS
  NEEDS();
#endif
#ifdef ALSO_NEEDS
  ALSO_NEEDS();
#endif
#ifdef FAILS
  return 1;
#else
  return 0;
#endif
}

static int info= SERVER << 8;
static int port;
static struct variable port_variable=
{ 0x0002 | 0x0200, "port", "", 0, 0, &port, 0, 0, 65535, 1 };
static void *variables[]= { &port_variable, 0 };

#ifndef NO_PLUGIN
int _maria_plugin_interface_version_= INTERFACE;
int _maria_sizeof_struct_st_plugin_= sizeof(struct declaration);
struct declaration _maria_plugin_declarations_[]=
{
  { 3, &info, NAME, "", "", 1, start, 0, 0x0100, 0, variables, "1.0", MATURITY },
  { 0 }
};
#endif

/* What other libraries than plugins give. */
#ifdef GIVES
int GIVES(void) { return 0; }
#endif
#ifdef GIVES_TOO
int GIVES_TOO(void) { return 0; }
#endif
