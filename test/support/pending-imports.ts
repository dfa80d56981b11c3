/**
 * A setup file for projects whose files share one module graph: an import still in flight when a file ends fails and stays failed, so a
 * later file that needs the module cannot load it.
 */
import { afterAll, vi } from 'vitest'

afterAll(() => vi.dynamicImportSettled())
