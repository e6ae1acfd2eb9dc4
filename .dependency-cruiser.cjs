/**
 * Which room may lean on which (docs/architecture.md): arrows point one way.
 *   api, cli, beat -> runtime -> redis, db
 *   tasks -> runtime's public face, services, db
 *   cli, boot -> doctor -> redis, db, services
 * @type {import('dependency-cruiser').IConfiguration}
 */
/** Unit tests, and what they lean on: `testing/` folders and contract suites beside what they test. */
const unitTest = '[.]test[.]ts$|/testing/|/contract[.]ts$';
/** What may collect the tasks: their registry and the composition root. */
const taskCollectors = ['^worker/tasks/', '^worker/boot/'];
/** What is public of the worker to stacks and load tests. */
const publicFiles = ['^worker/queues[.]ts$', '^worker/config/', '^worker/errors[.]ts$', '^worker/public-types'];

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere, or to a package that package.json does not name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'redis-and-db-are-the-ground-floor',
      comment: 'worker/redis and worker/db lean on configuration, errors and telemetry only, and not on each other.',
      severity: 'error',
      from: { path: '^worker/(redis|db)/' },
      to: { path: '^worker/(api|beat|cli|db|doctor|redis|runtime|services|tasks)/', pathNot: '^worker/$1/' },
    },
    {
      name: 'runtime-knows-no-caller',
      comment: 'The runtime runs tasks that are handed to it; it imports no API, command, schedule, service or task.',
      severity: 'error',
      from: { path: '^worker/runtime/' },
      to: { path: '^worker/(api|beat|cli|doctor|services|tasks)/' },
    },
    {
      name: 'entrances-stand-apart',
      comment: 'The API and beat do not import each other or the command line (which may start either).',
      severity: 'error',
      from: { path: '^worker/(api|beat)/' },
      to: { path: '^worker/(api|beat|cli)/', pathNot: '^worker/$1/' },
    },
    {
      name: 'tasks-use-the-public-face-of-runtime',
      comment: 'A task imports worker/runtime/index.ts, as tasks of other people do.',
      severity: 'error',
      from: { path: '^worker/tasks/' },
      to: { path: '^worker/runtime/', pathNot: '^worker/runtime/index[.]ts$' },
    },
    {
      name: 'tasks-know-no-entrance',
      comment: 'A task reaches Redis through the runtime and knows nothing of the API, commands or beat.',
      severity: 'error',
      from: { path: '^worker/tasks/' },
      to: { path: '^worker/(api|beat|cli|doctor|redis)/' },
    },
    {
      name: 'only-the-registry-imports-tasks',
      comment: 'Whoever wants a task run asks the runtime, by name and schema.',
      severity: 'error',
      // the sample tasks are there for tests
      from: { pathNot: taskCollectors },
      to: { path: '^worker/tasks/', pathNot: ['^worker/tasks/registry[.]ts$', '^worker/tasks/sample/'] },
    },
    {
      name: 'only-the-composition-root-imports-the-registry',
      comment: 'The list of tasks is passed in, not looked up.',
      severity: 'error',
      from: { pathNot: [...taskCollectors, '^test/', '^tools/docs/'] },
      to: { path: '^worker/tasks/registry[.]ts$' },
    },
    {
      name: 'services-stand-alone',
      comment: 'Services are what tasks lean on; they know no runtime, API, command, schedule or task.',
      severity: 'error',
      from: { path: '^worker/services/' },
      to: { path: '^worker/(api|beat|cli|doctor|runtime|tasks)/' },
    },
    {
      name: 'the-doctor-only-looks',
      comment: 'The doctor asks servers by itself; it starts nothing and needs nothing that runs.',
      severity: 'error',
      from: { path: '^worker/doctor/' },
      to: { path: '^worker/(api|beat|boot|cli|runtime|tasks)/' },
    },
    {
      name: 'the-doctor-is-asked-by-its-face',
      comment: 'The command line runs the doctor, and the start asks it for the connection budget.',
      severity: 'error',
      from: { pathNot: '^worker/doctor/' },
      to: { path: '^worker/doctor/', pathNot: '^worker/doctor/index[.]ts$' },
    },
    {
      name: 'outside-sees-public-files',
      comment: 'stacks and loadtest use the queue registry, the configuration, errors and public types only.',
      severity: 'error',
      from: { path: '^(stacks|loadtest)/' },
      to: { path: '^worker/', pathNot: publicFiles },
    },
    {
      name: 'one-module-names-the-cdk',
      comment:
        'What the stacks use of the CDK for Terraform comes through stacks/cdktf.ts: to move to its successor is to change that file.',
      severity: 'error',
      from: { path: '^(worker|test|tools|stacks|loadtest)/', pathNot: '^stacks/cdktf[.]ts$' },
      to: { path: 'node_modules/(cdktf|constructs|@cdktf)/' },
    },
    {
      name: 'tests-use-faces',
      comment:
        "test/ uses what outsiders use, and each room's index.ts, the services, the registry and the entry points.",
      severity: 'error',
      from: { path: '^test/' },
      to: {
        path: '^worker/',
        pathNot: [
          ...publicFiles,
          '^worker/[^/]+/index[.]ts$',
          '^worker/services/',
          '^worker/tasks/registry[.]ts$',
          '^worker/tasks/sample/',
          '^worker/main[.]ts$',
          '^worker/cli/',
          '^worker/telemetry/',
        ],
      },
    },
    {
      name: 'worker-ships-alone',
      comment:
        'The worker image holds worker/ and its dependencies: nothing in it imports tests, tools or dev packages.',
      severity: 'error',
      from: { path: '^worker/', pathNot: unitTest },
      to: { path: ['^(test|tools|stacks|loadtest)/', unitTest] },
    },
    {
      name: 'worker-ships-without-dev-packages',
      comment: 'A package the worker imports at run time is a dependency.',
      severity: 'error',
      from: { path: '^worker/', pathNot: unitTest },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
  ],
  options: {
    includeOnly: '^(worker|test|tools|stacks|loadtest)/|node_modules',
    exclude: '^test/fixtures/',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'require', 'default', 'types'],
    },
  },
};
