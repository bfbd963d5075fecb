/* A plugin of type "daemon" with faults of choice: at the server's start that which $FAULT names, later by
   the SQL function fault(). Built with and without sanitizers. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plugin {
  int type;
  void *info;
  const char *name, *author, *description;
  int license;
  int (*init)(void *), (*deinit)(void *);
  unsigned version;
  void *status_variables, *system_variables;
  const char *version_info;
  unsigned maturity;
};

void __lsan_do_leak_check(void) __attribute__((weak));

static char *volatile buffer;
static volatile int shared, big = 0x7fffffff;

static __attribute__((noinline)) char *make_buffer(void) { return malloc(32); }
static __attribute__((noinline)) void drop_buffer(void) { free(buffer); }

static void *race(void *unused) {
  for (int i = 0; i < 1000; i++) shared++;
  return unused;
}

static void commit(const char *fault) {
  buffer = make_buffer();
  if (!strcmp(fault, "use-after-free")) {
    drop_buffer();
    shared = buffer[3];
  } else if (!strcmp(fault, "overflow")) {
    buffer[32 + shared] = 1;
  } else if (!strcmp(fault, "leak") || !strcmp(fault, "leak-at-start")) {
    buffer = NULL;
    if (!strcmp(fault, "leak-at-start")) __lsan_do_leak_check();
  } else if (!strcmp(fault, "sum")) {
    big += getpid();
  } else if (!strcmp(fault, "race")) {
    pthread_t thread;
    pthread_create(&thread, NULL, race, NULL);
    race(NULL);
    pthread_join(thread, NULL);
  } else if (!strcmp(fault, "null")) {
    *(volatile int *)(size_t)shared = 1;
  } else if (!strcmp(fault, "assertion")) {
    assert(buffer == NULL);
  } else if (!strcmp(fault, "exit")) {
    _exit(0);
  } else if (!strcmp(fault, "killed")) {
    // By another process, and nobody else is there to do it at the right moment.
    if (fork() == 0) _exit(kill(getppid(), SIGKILL));
    for (;;) pause();
  } else if (!strcmp(fault, "hang")) {
    for (;;) pause();
  } else if (strlen(fault) == 1 || fault[1] < 'a') {
    raise(atoi(fault));
  }
}

static int start(void *unused) {
  const char *fault = getenv("FAULT");
  (void)unused;
  if (fault) commit(fault);
  return 0;
}

/* At the server's end: the signal in $FAULT_AT_END, behind a minus sign without a word of the server. */
static int stop(void *unused) {
  const char *number = getenv("FAULT_AT_END");
  (void)unused;
  if (number && *number == '-') {
    number++;
    signal(atoi(number), SIG_DFL);
  }
  if (number) raise(atoi(number));
  return 0;
}

/* A function for SQL: select fault('null'). */
struct arguments {
  unsigned count;
  int *types;
  char **values;
};

char fault_init(void *unused, struct arguments *arguments, char *message) {
  (void)unused, (void)arguments, (void)message;
  return 0;
}

long long fault(void *unused, struct arguments *arguments, char *is_null, char *error) {
  (void)unused, (void)is_null, (void)error;
  commit(arguments->values[0]);
  return 1;
}

static int interface_version = SERVER_VERSION << 8;
int _maria_plugin_interface_version_ = 0x0101;
int _maria_sizeof_struct_st_plugin_ = sizeof(struct plugin);
struct plugin _maria_plugin_declarations_[] = {
    {3, &interface_version, "faulty", "nobody", "has faults", 1, start, stop, 0x0100, 0, 0, "1.0", 6},
    {0},
};
