/* Where a program's files of one kind lie in a user's home, by the XDG Base Directory
 * Specification. */
#ifndef BASE_XDG_H
#define BASE_XDG_H

typedef struct xdg_place {
    const char *what;     /* "profiles", for the message */
    const char *own;      /* the variable that names the directory itself: "UNBLEND_PROFILE_DIR" */
    const char *variable; /* the one that many programs share: "XDG_CONFIG_HOME", */
    const char *below_it; /* and the directory in there: "unblend/profiles" */
    const char *below_home; /* where neither is set: ".config/unblend/profiles" */
} xdg_place;

/* The directory's path, whether it exists or not; release with free(). NULL (STATUS_RUNTIME) if the
 * environment names no place. */
char *xdg_directory(const xdg_place *place);

#endif
