import { GuardPolicy, PriceList } from '@fluxgate/contracts'
import { type ApiDescription, ApiErrorBody, User } from '../http/index.ts'

export const ADMIN_API: ApiDescription = {
  title: 'Fluxgate: the admin API',
  description:
    'Users, keys, limits, budgets, prices, throttles and the guard’s policies. Each change is a fact in the log.',
  server: { url: 'http://127.0.0.1:9090', description: 'as `npm start` has it' },
  schemes: {
    token: {
      type: 'http',
      scheme: 'bearer',
      description: '`ADMIN_TOKEN`; `ADMIN_TOKEN_DASHBOARD` and `METRICS_TOKEN` for some routes',
    },
  },
  needs: { '*': ['token'] },
  faults: ['invalid_admin_token', 'forbidden_token', 'internal', 'unavailable'],
  named: { ApiError: ApiErrorBody, User, GuardPolicy, PriceList },
  calls: {},
}
